"""Stemming, which every question needs, in many threads at once."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ml.index.snowball import snowball

WORDS = [
    f"{head}{tail}"
    for head in ("connect", "reconfigur", "аутентифи", "настрой")
    for tail in ("ing", "ations", "кация", "ками")
]


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Switch between threads as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_stemming_is_thread_safe(eager_threads: None) -> None:
    wanted = {word: snowball.__wrapped__(word) for word in WORDS}
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(snowball.__wrapped__, WORDS * 300))
    assert got == [wanted[word] for word in WORDS * 300]
