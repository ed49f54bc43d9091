"""What the hostile tests of the service share with its other tests: the index of the shop."""

from tests.service.conftest import indexed as indexed
