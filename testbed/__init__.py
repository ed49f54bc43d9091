"""A real Kubernetes on one machine, without Docker: for the tests, the benchmarks, and experiments by hand."""
