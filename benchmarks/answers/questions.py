"""The questions: about what stands in a repository, with reference answers, and about what does not."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.checkouts import PROJECT, clone, has_files

QUESTIONS = PROJECT.parent / "shared" / "bench" / "repository-questions"
SOURCE = "SWE-QA-Bench (github.com/peng-weihan/SWE-QA-Bench): NAME.jsonl with `question` and `answer`"
ABSENT = Path(__file__).parent / "absent.jsonl"
# The revisions whose lines the reference answers name.
REVISIONS = {
    "astropy": ("astropy/astropy", "0a041d3"),
    "conan": ("conan-io/conan", "52f43d9"),
    "django": ("django/django", "14fc2e9"),
    "matplotlib": ("matplotlib/matplotlib", "a5e1f60"),
    "pylint": ("pylint-dev/pylint", "44740e5"),
    "pytest": ("pytest-dev/pytest", "5989efe"),
    "reflex": ("reflex-dev/reflex", "fe0f946"),
    "scikit-learn": ("scikit-learn/scikit-learn", "adb1ae7"),
    "sphinx": ("sphinx-doc/sphinx", "6c9e320"),
    "sqlfluff": ("sqlfluff/sqlfluff", "db9801b"),
    "sympy": ("sympy/sympy", "3c817ed"),
    "xarray": ("pydata/xarray", "40119bf"),
}
TUNING, HELD_OUT = "tuning", "held out"
KINDS = ("where", "what", "how", "why")
KIND = re.compile(rf"\b({'|'.join(KINDS)})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a repository, with its reference answer."""

    repo: str
    text: str
    reference: str

    @property
    def kind(self) -> str:
        """The first question word."""
        found = KIND.search(self.text)
        return found[1].lower() if found else "other"


@dataclass(frozen=True, slots=True)
class Absent:
    """A question about something that is not in a repository.

    `names` stand nowhere in it. A `near` miss asks for something that such a project could well have.
    """

    repo: str
    text: str
    names: tuple[str, ...]
    near: bool


def half_of(repo: str) -> str:
    """Return the half of a repository: in alphabetical order every second of the twelve is held out."""
    return HELD_OUT if sorted(REVISIONS).index(repo) % 2 else TUNING


def read_questions(folder: Path, repo: str) -> list[Question]:
    """Read a repository's questions, a kind after the other in turn, so that the first ones are of all kinds."""
    lines = (folder / f"{repo}.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [Question(repo, entry["question"], entry["answer"]) for entry in map(json.loads, lines)]
    return list(_in_turn([[each for each in asked if each.kind == kind] for kind in (*KINDS, "other")]))


def read_absent(repo: str) -> list[Absent]:
    """Read the questions about what a repository does not contain."""
    entries = map(json.loads, ABSENT.read_text(encoding="utf-8").splitlines())
    return [
        Absent(repo, entry["question"], tuple(entry["names"]), entry["near"])
        for entry in entries
        if entry["repo"] == repo
    ]


def find_checkout(repo: str, checkouts: Path, *, may_clone: bool) -> Path | None:
    """Return a repository's checkout, cloned if that is allowed; None if there is none."""
    folder = checkouts / repo
    if may_clone and not has_files(folder):
        place, revision = REVISIONS[repo]
        clone(f"https://github.com/{place}", revision, folder)
    return folder if has_files(folder) else None


def _in_turn(groups: Sequence[Sequence[Question]]) -> Iterator[Question]:
    for turn in range(max(map(len, groups))):
        yield from (group[turn] for group in groups if turn < len(group))
