"""What the tests of the load tests and of the experiments share. Set up by `make test-proof`."""

from tests.service.conftest import indexed

__all__ = ["indexed"]
