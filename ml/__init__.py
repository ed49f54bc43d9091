"""The offline half: turn repositories into an index and models."""
