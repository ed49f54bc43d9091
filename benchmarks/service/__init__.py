"""The assistant's own share of a request's latency and of a model server's throughput: `python -m benchmarks.service`."""
