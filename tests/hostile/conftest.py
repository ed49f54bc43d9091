"""Fixtures that the hostile tests share with the service's: the index of the shop."""

from tests.service.conftest import indexed as indexed
