"""What a reference answer names: facts, files and lines."""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from keyword import kwlist

from benchmarks.answers.questions import Question
from ml.evaluation.answers import FENCE, PLACE, SPAN
from ml.evaluation.retrieval import Target
from ml.index.tokens import identifiers

SHORTEST_NAME = 3
COMMON = {*kwlist, "self", "cls"}
PATH = re.compile(r"(?<![\w./-])[\w./-]*\w\.[a-z]\w{0,5}(?![\w/])")
NUMBERS = r"\d+(?:\s*[-–]\s*\d+)?"
LINES = re.compile(rf"\blines?\s+(?P<numbers>{NUMBERS}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+){NUMBERS})*)", re.IGNORECASE)
RANGE = re.compile(r"(\d+)(?:\s*[-–]\s*(\d+))?")
OF = re.compile(r"\W{0,3}\s*(?:in|of)\s+`?")
Mention = tuple[re.Match[str], str]
"""Where a text names a file, and the file."""


class Repository:
    """The files of a repository, as far as they are indexed: their lines, and every name in them."""

    def __init__(self, files: Iterable[tuple[str, str]]) -> None:
        self.lines = {path: text.split("\n") for path, text in files}

    @cached_property
    def names(self) -> frozenset[str]:
        """Every run of letters, digits and underscores in the files."""
        return frozenset(name for lines in self.lines.values() for line in lines for name in identifiers(line))

    def contains(self, text: str) -> bool:
        """Return whether a text, in any case, stands in a file or in a path."""
        wanted = text.lower()
        return any(wanted in path.lower() or wanted in self._lower[path] for path in self.lines)

    def resolve(self, named: str, before: Iterable[str] = ()) -> str | None:
        """Return the file that a text names by its path or the end of it.

        If several fit, it is the only one that was named `before`; None if there is no such.
        """
        fitting = [path for path in self._by_name[named.rsplit("/", 1)[-1]] if f"/{path}".endswith(f"/{named}")]
        if named in fitting:
            return named
        if len(fitting) > 1:
            fitting = [path for path in fitting if path in set(before)]
        return fitting[0] if len(fitting) == 1 else None

    @cached_property
    def _lower(self) -> dict[str, str]:
        return {path: "\n".join(lines).lower() for path, lines in self.lines.items()}

    @cached_property
    def _by_name(self) -> defaultdict[str, list[str]]:
        by_name = defaultdict(list)
        for path in self.lines:
            by_name[path.rsplit("/", 1)[-1]].append(path)
        return by_name


@dataclass(frozen=True, slots=True)
class Reference:
    """What a reference answer names that stands in the repository.

    `facts` are the names in its code spans that the question does not contain; `names` are those of them that are not only
    parts of paths, keywords or very short.
    """

    facts: frozenset[str]
    names: frozenset[str]
    files: frozenset[str]
    ranges: frozenset[Target]


def reference_of(question: Question, repository: Repository) -> Reference:
    """Read a reference answer."""
    named = list(_named_files(question.reference, repository))
    new = repository.names - set(identifiers(question.text))
    return Reference(
        facts=new & {name for span in _spans(question.reference) for name in identifiers(span)},
        names=new & names_in_spans(question.reference),
        files=frozenset(path for _, path in named),
        ranges=frozenset(_ranges(question.reference, named, repository)),
    )


def names_in_spans(markdown: str) -> frozenset[str]:
    """Return the names in a text's code spans, without keywords, very short ones and those in paths."""
    code = (span for span in _spans(markdown) if not is_place(span))
    return frozenset(name for span in code for name in identifiers(span) if is_telling(name))


def _spans(markdown: str) -> Iterator[str]:
    return (span[2].strip() for span in SPAN.finditer(FENCE.sub("", markdown)))


def is_place(code: str) -> bool:
    """Return whether a code span is a path, with or without lines."""
    return bool(PLACE.fullmatch(code) or PATH.fullmatch(code)) and ("/" in code or ":" in code or code.endswith(".py"))


def is_telling(name: str) -> bool:
    """Return whether a name can be a fact."""
    return len(name) >= SHORTEST_NAME and not name.isdigit() and name not in COMMON


def _named_files(text: str, repository: Repository) -> Iterator[Mention]:
    """Yield each path in a text that names a file, with the file."""
    seen: set[str] = set()
    for found in PATH.finditer(text):
        path = repository.resolve(found.group().strip("./"), seen)
        if path:
            seen.add(path)
            yield found, path


def _ranges(text: str, named: list[Mention], repository: Repository) -> Iterator[Target]:
    """Yield the lines that a text names, each in the nearest file that has one of the names beside them on these lines.

    Nearest is the file that follows with "in", then the one before, the others before it, and those after it. Lines
    without a name beside them are taken to be in the nearest file.
    """
    for found in LINES.finditer(text):
        beside = _names_beside(text, found)
        for first, last in RANGE.findall(found["numbers"]):
            targets = (Target(path, int(first), int(last or first)) for path in _nearest(found, text, named))
            there = (target for target in targets if _stands(target, beside, repository))
            yield from itertools.islice(there, 1)


def _nearest(lines: re.Match[str], text: str, named: list[Mention]) -> Iterator[str]:
    before = [path for mention, path in named if mention.end() <= lines.start()]
    after = [(mention, path) for mention, path in named if mention.start() >= lines.end()]
    if after and OF.fullmatch(text[lines.end() : after[0][0].start()]):
        yield after[0][1]
    yield from reversed(before)
    yield from (path for _, path in after)


def _names_beside(text: str, lines: re.Match[str]) -> frozenset[str]:
    """Return the names in the code spans of the same line of text."""
    start, end = text.rfind("\n", 0, lines.start()) + 1, text.find("\n", lines.end())
    return names_in_spans(text[start : end if end >= 0 else len(text)])


def _stands(target: Target, names: frozenset[str], repository: Repository) -> bool:
    """Return whether a file has these lines, and one of the names on them if there are any."""
    start, end = target.line_start or 0, target.line_end or 0
    if not 0 < start <= end <= len(repository.lines[target.path]):
        return False
    held = {name for line in repository.lines[target.path][start - 1 : end] for name in identifiers(line)}
    return not names or not names.isdisjoint(held)
