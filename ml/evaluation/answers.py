"""Scores of an answer that need no judge: its citations, and its overlap with the reference answer."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from ml.evaluation.case import Cited, Reply
from ml.evaluation.retrieval import Target
from ml.index.sparse import STOP_WORDS
from ml.index.tokens import identifiers, stem, words

FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
MARKS = re.compile(r"\[\d++\](?:\s*+\[\d++\])*+")
NUMBER = re.compile(r"\[(\d+)\]")
SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
PLACE = re.compile(r"(?P<path>[^\s:]+):(?P<start>\d+)(?:-(?P<end>\d+))?")
DOTTED = re.compile(r"[\w$]++(?:(?:\.|::|#)[\w$]++)++")


def citation_precision(reply: Reply) -> float | None:
    """Return the share of an answer's citations whose lines contain every name that the citing statement shows as code.

    A location in such a statement (`path:12-30`) must overlap the cited lines. Return None if no statement shows code.
    """
    cited: dict[int, list[Cited]] = {}
    for citation in reply.citations:
        cited.setdefault(citation.n, []).append(citation)
    held = [_bears(statement, cited.get(n, [])) for statement, n in _citing(reply.answer) if SPAN.search(statement)]
    return sum(held) / len(held) if held else None


def citation_recall(reply: Reply, target: Target) -> float:
    """Return 1.0 if an answer cites lines of the location that answers the question, else 0.0."""
    return float(any(citation.place.covers(target) for citation in reply.citations))


def overlap(text: str, wanted: str, question: str) -> float:
    """Return the F1 of the words that a text shares with the reference answer, counting repetitions.

    Words are stems of names' parts. Stop words and citations do not count, nor do the question's own words, which are
    trivial to repeat (unless the reference has no others). Rajpurkar et al. 2016 (SQuAD), section 6.1.
    """
    asked = set(_telling(question))
    if not set(_telling(wanted)) - asked:
        asked = set()
    ours, theirs = (Counter(word for word in _telling(each) if word not in asked) for each in (text, wanted))
    shared = (ours & theirs).total()
    return 2 * shared / (ours.total() + theirs.total()) if shared else 0.0


def _telling(text: str) -> Iterator[str]:
    return (stem(word) for word in words(NUMBER.sub(" ", text)) if word not in STOP_WORDS)


def _citing(answer: str) -> Iterator[tuple[str, int]]:
    """Yield each citation with its statement, which starts at the previous citation or the beginning of the line."""
    for line in FENCE.sub("", answer).split("\n"):
        at = 0
        for marks in MARKS.finditer(line):
            statement, at = line[at : marks.start()], marks.end()
            yield from ((statement, int(number)) for number in NUMBER.findall(marks.group()))


def _bears(statement: str, citations: Iterable[Cited]) -> bool:
    return any(_shows(statement, citation) for citation in citations)


def _shows(statement: str, citation: Cited) -> bool:
    held = set(identifiers(citation.quote)) | set(identifiers(citation.place.path))
    for span in SPAN.finditer(statement):
        code = span[2].strip()
        place = PLACE.fullmatch(code)
        if place and not citation.place.covers(_target(place)):
            return False
        if not place and not held.issuperset(last_names(code)):
            return False
    return True


def _target(place: re.Match[str]) -> Target:
    start = int(place["start"])
    return Target(place["path"], start, int(place["end"] or start))


def last_names(code: str) -> Iterable[str]:
    """Return the names in a piece of code; for a lone dotted name (`Class.method`), only the last, which is in the source."""
    names = [name for name in identifiers(code) if not name.isdigit()]
    return names[-1:] if DOTTED.fullmatch(code) else names
