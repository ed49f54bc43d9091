"""How good retrieval is: `python -m benchmarks.retrieval`."""
