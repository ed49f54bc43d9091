"""Questions and answers by template: data/templates.toml, filled with facts about a symbol."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import cast

from ml.dataset.wording.draft import Language, chance

FILE = Path(__file__).with_name("data") / "templates.toml"


@dataclass(frozen=True, slots=True)
class Template:
    """By language: several ways to ask, specific and open ones, and one sentence to answer with."""

    questions: Mapping[Language, tuple[str, ...]]
    answer: Mapping[Language, str] = field(default_factory=dict)
    open: Mapping[Language, tuple[str, ...]] = field(default_factory=dict)

    @property
    def languages(self) -> tuple[Language, ...]:
        """The languages of its questions."""
        return tuple(self.questions)

    def asked(self, language: Language, values: Mapping[str, str], seed: int) -> list[str]:
        """Return a specific question and, if there are any, an open one, chosen deterministically from the values."""
        drawn = chance(seed, *sorted(values.items()))
        ways = (self.open.get(language, ()), self.questions[language])
        return [each[drawn % len(each)].format_map(values) for each in ways if each]

    def sentence(self, language: Language, values: Mapping[str, str]) -> str:
        """Return the answer without citation mark and full stop."""
        return self.answer[language].format_map(values)


@cache
def templates() -> Mapping[str, Template]:
    """Return all templates by name."""
    read = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {name: _template(entry) for name, entry in read.items()}


def _template(entry: Mapping[str, Mapping[str, list[str]]]) -> Template:
    questions, open_ones = (
        cast(
            "Mapping[Language, tuple[str, ...]]",
            {language: tuple(ways) for language, ways in entry.get(key, {}).items()},
        )
        for key in ("questions", "open")
    )
    return Template(questions, cast("Mapping[Language, str]", dict(entry.get("answer", {}))), open_ones)
