"""Retries."""

import time

LIMIT = 5


@traced
def retry(call):
    """Calls until it succeeds."""
    return call()


class Policy:
    """How often."""

    def wait(self, attempt):
        return 2**attempt
