"""Speed of indexing, searching and starting: `python -m benchmarks.speed`."""
