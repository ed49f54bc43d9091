"""Score an answer against the reference, and against the lines that it cites."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.answers.bearing import Unborne, statements, unborne
from benchmarks.answers.questions import Question, half_of
from benchmarks.answers.reference import Reference, Repository, reference_of
from benchmarks.answers.systems import Reply, Seconds
from ml.evaluation.answers import FENCE, MARKS, SPAN
from ml.evaluation.case import Cited
from ml.evaluation.retrieval import Place
from ml.index.tokens import identifiers

WORD = re.compile(r"[^\W\d_][\w'’-]*")


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of an answer: its title and how it is printed. A share is averaged; of other figures the median is shown."""

    name: str
    title: str
    form: str
    is_share: bool = True


MEASURES = (
    Measure("refused", "refused", ".0%"),
    Measure("told", "facts told in prose", ".2f"),
    Measure("names", "the same, without parts of paths and keywords", ".2f"),
    Measure("shown", "facts told or shown in code", ".2f"),
    Measure("files", "files of the reference cited", ".2f"),
    Measure("ranges", "line ranges of the reference reached", ".2f"),
    Measure("unborne", "cited statements that their lines do not bear", ".0%"),
    Measure("strict", "the same, counting the qualifiers of dotted names", ".0%"),
    Measure("uncited", "statements without a citation", ".0%"),
    Measure("lines", "lines cited, median", ".0f", is_share=False),
    Measure("words", "words of prose, median", ".0f", is_share=False),
    Measure("evidence", "s to the first evidence, median", ".2f", is_share=False),
    Measure("word", "s to the first word, median", ".2f", is_share=False),
    Measure("last", "s to the last word, median", ".2f", is_share=False),
)


@dataclass(frozen=True, slots=True)
class Scored:
    """An answer of a system with its scores; a measure that does not apply to it is missing."""

    system: str
    question: Question
    reply: Reply
    scores: Mapping[str, float]
    unborne: tuple[Unborne, ...]

    @property
    def half(self) -> str:
        """The half that the repository belongs to."""
        return half_of(self.question.repo)

    def as_dict(self) -> dict[str, Any]:
        """Return it as written to a line of JSON."""
        return {**asdict(self), "half": self.half, "kind": self.question.kind}


def score(system: str, question: Question, reply: Reply, repository: Repository) -> Scored:
    """Score an answer."""
    lacking = unborne(reply.answer, reply.citations, repository.names)
    strict = unborne(reply.answer, reply.citations, repository.names, whole=True)
    scores = {
        "refused": float(not reply.found),
        **_against(reference_of(question, repository), reply),
        **_shares(reply, len(lacking), len(strict)),
        "lines": float(sum(place.line_end - place.line_start + 1 for place in _places(reply.citations))),
        "words": float(len(WORD.findall(_words(reply.answer)))),
        **asdict(reply.seconds),
    }
    return Scored(system, question, reply, scores, tuple(lacking))


def read(entry: Mapping[str, Any]) -> tuple[Question, Reply]:
    """Return the question and the answer of a line of JSON that an earlier run wrote."""
    given = entry["reply"]
    citations = tuple(Cited(each["n"], Place(**each["place"]), each["quote"]) for each in given["citations"])
    reply = Reply(given["answer"], given["found"], citations, Seconds(**given["seconds"]), given["withheld"])
    return Question(**entry["question"]), reply


def _against(reference: Reference, reply: Reply) -> dict[str, float]:
    """Return the shares of the reference's facts, files and line ranges; those of which it has none are missing."""
    told, shown = set(identifiers(FENCE.sub("", reply.answer))), set(identifiers(reply.answer))
    cited = _places(reply.citations)
    files = {place.path for place in cited}
    shares: Iterable[tuple[str, Iterable[Any], Callable[[Any], bool]]] = (
        ("told", reference.facts, told.__contains__),
        ("names", reference.names, told.__contains__),
        ("shown", reference.facts, shown.__contains__),
        ("files", reference.files, files.__contains__),
        ("ranges", reference.ranges, lambda target: any(place.covers(target) for place in cited)),
    )
    return {name: _share(map(holds, wanted)) for name, wanted, holds in shares if wanted}


def _shares(reply: Reply, lacking: int, strict: int) -> dict[str, float]:
    """Return the shares of statements without citation, and of cited ones that their lines do not bear."""
    found = statements(reply.answer) if reply.found else []
    cited = sum(bool(statement.numbers) for statement in found)
    shares = {"uncited": 1 - cited / len(found)} if found else {}
    return shares | ({"unborne": lacking / cited, "strict": strict / cited} if cited else {})


def _places(citations: Iterable[Cited]) -> list[Place]:
    return list(dict.fromkeys(citation.place for citation in citations))


def _share(held: Iterable[bool]) -> float:
    found = list(held)
    return sum(found) / len(found)


def _words(answer: str) -> str:
    """Return the prose of an answer, without code spans and marks."""
    return MARKS.sub(" ", SPAN.sub(" ", FENCE.sub("", answer)))
