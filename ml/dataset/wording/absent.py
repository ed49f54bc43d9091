"""Questions about absent features, of which no word occurs in any indexed chunk, with invented details."""

import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path

from ml.dataset.wording.draft import chance
from ml.index import tokens

FILE = Path(__file__).with_name("data") / "absent.toml"


def absent_questions(stems: Collection[str], wanted: int, seed: int) -> list[str]:
    """Return up to `wanted` questions about absent features, alternating English and Russian, each feature once."""
    ranked = sorted(_topics(stems), key=lambda topic: chance(seed, topic["en"]))
    return [topic["ru" if number % 2 else "en"] for number, topic in enumerate(ranked[:wanted])]


def _topics(stems: Collection[str]) -> Iterator[dict[str, str]]:
    for topic in tomllib.loads(FILE.read_text(encoding="utf-8"))["topic"]:
        if not any(tokens.stem(word) in stems for word in topic["words"]):
            yield topic
