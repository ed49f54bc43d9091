"""The languages that are split by their grammar: one file per language in data/, see README.md."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ml.patterns import bounded

DATA = Path(__file__).with_name("data")
SHEBANG = re.compile(r"#!\s*\S*/(?:env\s+(?:-\S+\s+)*)?([a-z]+)")
# A C++ header has the same suffix as a C header.
HEADER_CHARACTERS = 200_000
CPP_HEADER = bounded(
    r"^[^\S\n]*(?:class|namespace|template|public:|private:)\b|\bconstexpr\b|::",
    re.MULTILINE,
    longest=HEADER_CHARACTERS,
)


@dataclass(frozen=True, slots=True)
class Statements:
    """How statements are told apart: the role of each node type, and of a call or keyword by its word."""

    roles: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    value_last: bool = False

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> "Statements":
        """Read the table `walk` of a language: role -> node types."""
        kinds = {role: listed for role, listed in table.items() if isinstance(listed, list)}
        roles = {kind: role for role, listed in kinds.items() for kind in listed}
        return cls(roles, table.get("words", {}), table.get("value_last", False))


@dataclass(frozen=True, slots=True)
class Language:
    """The definition of a language; README.md explains each key."""

    name: str
    grammar: str
    query: str
    factory: str = "language"
    suffixes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    shebangs: tuple[str, ...] = ()
    above: tuple[str, ...] = ("comment",)
    wrappers: tuple[str, ...] = ()
    tails: tuple[str, ...] = ()
    separator: str = "."
    merge: int = 0
    until_next: bool = False
    templates: str = ""
    deepest: int = 0
    frames: tuple[tuple[str, str], ...] = ()
    walk: Statements = field(default_factory=Statements, hash=False)


def _load(file: Path) -> Language:
    read = tomllib.loads(file.read_text())
    walk = Statements.of(read.pop("walk", {}))
    entries: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in read.items()}
    return Language(file.stem, walk=walk, **entries)


LANGUAGES = {file.stem: _load(file) for file in sorted(DATA.glob("*.toml"))}
BY_SUFFIX = {suffix: language.name for language in LANGUAGES.values() for suffix in language.suffixes}
BY_FILE = {file: language.name for language in LANGUAGES.values() for file in language.files}
BY_SHEBANG = {shebang: language.name for language in LANGUAGES.values() for shebang in language.shebangs}

# Languages without a grammar that LangChain's splitter supports, by suffix, under LangChain's names.
BY_RECURSION = {
    ".proto": "proto", ".rst": "rst", ".ps1": "powershell", ".sol": "sol", ".html": "html", ".htm": "html",
    ".tex": "latex", ".cob": "cobol", ".cbl": "cobol",
}  # fmt: skip


def language_of(path: str, text: str) -> str:
    """Return the language of a file by its name or its first line; "" if unknown."""
    name = PurePosixPath(path).name
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".h" and CPP_HEADER.search(text[:HEADER_CHARACTERS]):
        return "cpp"
    found = (
        BY_FILE.get(name) or BY_SUFFIX.get(suffix) or BY_FILE.get(name.partition(".")[0]) or BY_RECURSION.get(suffix)
    )
    if found:
        return found
    shebang = SHEBANG.match(text)
    return BY_SHEBANG.get(shebang[1], "") if shebang else ""
