"""Chaos experiments: `chaos run chaos/experiments/NAME.yaml --var url=http://…`, and the probes and actions they use."""
