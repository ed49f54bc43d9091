"""Fixtures of the tests of load tests and chaos experiments. Set up by `make test-proof`."""

from tests.service.conftest import indexed

__all__ = ["indexed"]
