"""When a server that is down or busy is retried."""

import pytest

from ml.circuit_breaker import CircuitBreaker, parse_retry_after
from ml.errors import CodeIntelError, StoreAwayError


def test_callers_fail_fast_while_open_and_then_one_probes() -> None:
    rest = CircuitBreaker(StoreAwayError)
    rest.enter(60)
    rest.begin(60, "it does not answer")
    with pytest.raises(CodeIntelError, match="it does not answer, a moment ago: it is retried in 60 s"):
        rest.enter(60)
    rest.begin(0, "it does not answer")
    rest.enter(60)
    with pytest.raises(StoreAwayError):
        rest.enter(60)
    rest.end()
    rest.enter(60)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("86400", 30), ("", 2), ("Fri, 27 Nov 2026 00:00:00 GMT", 2), ("-1", 2)]
)
def test_a_server_says_when_and_no_pause_is_endless(header: str, seconds: float) -> None:
    assert parse_retry_after(header, otherwise=2, longest=30) == seconds
