"""How much the assistant takes of a request, and of a model server's throughput: `python -m benchmarks.service`."""
