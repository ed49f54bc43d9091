"""Retrieval quality: `python -m benchmarks.retrieval`."""
