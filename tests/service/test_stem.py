"""Stems, which every question needs, by any number of threads at once."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from rag_service.retrieve.glossary import stem

WORDS = [
    f"{head}{tail}"
    for head in ("connect", "reconfigur", "аутентифи", "настрой")
    for tail in ("ing", "ations", "кация", "ками")
]


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_threads_do_not_disturb_one_another(eager_threads: None) -> None:
    wanted = {word: stem.__wrapped__(word) for word in WORDS}
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(stem.__wrapped__, WORDS * 300))
    assert got == [wanted[word] for word in WORDS * 300]
