"""How quick indexing, searching and starting are: `python -m benchmarks.speed`."""
