"""Forms in which secrets are written down, English and Russian: templates over random secrets of a fixed seed.

A template holds `{pw}` (a password that a person chose), `{key}` (a generated one of 40 characters), `{hex}` (32 hex
digits) or `{pin}`; what it is called is filled in for `{name}` and `{Name}`. Each form comes with the file it stands in.
"""

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

LETTERS = string.ascii_letters + string.digits
SEED = 13


@dataclass(frozen=True, slots=True)
class Form:
    """A text with a secret, the file it stands in, and whether it was looked at while the rules were written."""

    path: str
    text: str
    secret: str
    tuned: bool


TEMPLATES = Path(__file__).with_suffix(".txt")
ESCAPES = {"\\n": "\n", "\\t": "\t", "\\u200b": "\u200b", "\\ufeff": "\ufeff", "\\u0306": "\u0306"}
NAMES = cycle(("prod", "staging", "grafana", "jenkins", "router", "nexus", "billing"))
PLACES = cycle(("базы", "админки", "сервера", "роутера", "почты", "прода"))


class _Maker:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def of(self, alphabet: str, length: int) -> str:
        """Return random characters, among them a digit, a small and a capital letter where the alphabet has them."""
        kinds = [kind for kind in (str.isdigit, str.islower, str.isupper) if length > 5 and any(map(kind, alphabet))]
        while True:
            made = "".join(self._random.choices(alphabet, k=length))
            if all(any(map(kind, made)) for kind in kinds):
                return made

    def password(self) -> str:
        """Return a password as people choose them, or as generators make them."""
        word = self._random.choice(("Zima", "Kotik", "Sunny", "Moskva", "Dragon", "Rabota", "Jazz", "Vesna"))
        sign = self._random.choice("!#*+^~%?")
        number = self.of(string.digits, 4)
        return self._random.choice(
            (
                word + number + sign,
                word + sign + number,
                self.of(LETTERS, 8) + sign,
                self.of(LETTERS, 12),
                f"{word}_{number}{sign}",
            )
        )

    def fill(self, template: str) -> tuple[str, str]:
        """Return the text and the secret in it."""
        name = next(NAMES)
        made = {
            "pw": self.password(), "key": self.of(LETTERS, 40), "hexother": self.of("0123456789abcdef", 32),
            "secret40": self.of(LETTERS + "/+", 40), "key33": self.of(LETTERS, 33), "key20": self.of(LETTERS, 20),
        }  # fmt: skip
        made["pin"] = self.of("567890", 4)
        made["letters16"] = self.of("bcdfghjkmnpqrstvwxz", 16)
        rest = {"id": "7" + self.of("98765", 9), "upper16": self.of(string.ascii_uppercase + string.digits, 16)}
        rest |= {"hex": self.of("0123456789abcdef", 32), "six": self.of(LETTERS, 6), "имя": next(PLACES)}
        rest |= {"name": name, "Name": name.title(), "NAME": name.upper()}
        secret = next(value for field, value in made.items() if f"{{{field}}}" in template)
        for escape, character in ESCAPES.items():
            template = template.replace(escape, character)
        return template.format(**made, **rest), secret


def forms(seed: int = SEED, rounds: int = 2) -> Iterator[Form]:
    """Yield every template so many times, each with another secret; every second one was held back while tuning."""
    maker = _Maker(seed)
    templates = TEMPLATES.read_text().splitlines()
    for _ in range(rounds):
        for number, line in enumerate(templates):
            path, _, template = line.partition(" @ ")
            text, secret = maker.fill(template)
            yield Form(path, text, secret, tuned=number % 2 == 0)
