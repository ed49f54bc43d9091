"""The rules by which candidates are ranked, each with its weight, in one table at the end.

A rule returns 0..1 for a candidate; the score is the weighted sum. The weights are set by hand: tuned ones gained on the
repositories that they were tuned on and lost on others. `python -m benchmarks.retrieval --ablations` tries each rule.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Self

from ml.index.asides import asides
from ml.index.chunk import Chunk
from ml.index.store.base import Candidate
from rag_service.retrieve.question import Question, last_component, name_parts, normalize_name


@dataclass(frozen=True, slots=True)
class Best:
    """The highest score of each vector among a query's candidates, used to normalise the scores."""

    dense: float
    text: float
    names: float

    @classmethod
    def of(cls, candidates: Iterable[Candidate]) -> Self:
        """Return the highest scores; a vector that found nothing gets 1, to avoid a division by zero."""
        scores = [(candidate.dense, candidate.text, candidate.names) for candidate in candidates] or [(0.0, 0.0, 0.0)]
        return cls(*(max(column) or 1.0 for column in zip(*scores, strict=True)))


@dataclass(frozen=True, slots=True)
class Rule:
    """A reason to rank a candidate higher (or lower, with a weight below zero)."""

    name: str
    weight: float
    value: Callable[[Question, Candidate, Best], float]


def meaning(question: Question, candidate: Candidate, best: Best) -> float:
    """Return the cosine with the question, relative to the best candidate's."""
    return max(candidate.dense, 0.0) / best.dense


def words(question: Question, candidate: Candidate, best: Best) -> float:
    """Return the BM25 score of the text, relative to the best candidate's."""
    return candidate.text / best.text


def names(question: Question, candidate: Candidate, best: Best) -> float:
    """Return the BM25 score of names and path, relative to the best candidate's."""
    return candidate.names / best.names


def symbol_asked(question: Question, candidate: Candidate, best: Best) -> float:
    """Return above 0 if the question is just a name and the chunk defines it; types rank above constructors and methods."""
    kind = 1.0 if candidate.chunk.kind == "class" else 0.6
    return kind * (question.is_name and symbol_named(question, candidate, best))


def symbol_named(question: Question, candidate: Candidate, best: Best) -> float:
    """Return 1 if the chunk defines a symbol that the question names."""
    return float(symbol_is_named(question, candidate.chunk))


def symbol_words(question: Question, candidate: Candidate, best: Best) -> float:
    """Return the share of the words in the chunk's symbol that the question contains; headings do not count."""
    chunk = candidate.chunk
    return share(symbol_parts(chunk.symbol), question.stems) if chunk.kind != "section" else 0.0


def stem_named(question: Question, candidate: Candidate, best: Best) -> float:
    """Return the share of the words in the file's name that the question contains."""
    return share(file_parts(candidate.chunk.file_path), question.stems)


def folder_named(question: Question, candidate: Candidate, best: Best) -> float:
    """Return 1 if the question contains the name of one of the file's folders."""
    return float(any(folder <= question.stems for folder in folders(candidate.chunk.file_path) if folder))


def path_named(question: Question, candidate: Candidate, best: Best) -> float:
    """Return 1 if the question names the file and the chunk contains the named line, if any."""
    return float(path_is_named(question, candidate.chunk))


def aside(question: Question, candidate: Candidate, best: Best) -> float:
    """Return above 0 for tests, documentation, examples, vendored files and lists of names the question did not ask for.

    0.6 for one of these reasons, 1 for more.
    """
    reasons = asides(candidate.chunk.file_path) - question.wants
    return min(0.6 * len(reasons), 1.0)


def symbol_is_named(question: Question, chunk: Chunk) -> bool:
    """Return whether the chunk defines a symbol that the question names."""
    return bool(chunk.symbol) and chunk.kind != "section" and normalize_name(chunk.symbol) in question.symbols


def path_is_named(question: Question, chunk: Chunk) -> bool:
    """Return whether the question names the chunk's file and, if it names a line, one of the chunk's."""
    return any(
        f"/{chunk.file_path}".endswith(f"/{reference.path}")
        and (reference.line is None or chunk.line_start <= reference.line <= chunk.line_end)
        for reference in question.paths
    )


def share(parts: frozenset[str], words: frozenset[str]) -> float:
    """Return the share of the parts that are among the words; 0 if there are no parts."""
    return len(parts & words) / len(parts) if parts else 0.0


@lru_cache(maxsize=65_536)
def symbol_parts(symbol: str) -> frozenset[str]:
    """Return the stems of the words in a symbol's last component."""
    return frozenset(name_parts(last_component(symbol)))


@lru_cache(maxsize=65_536)
def file_parts(path: str) -> frozenset[str]:
    """Return the stems of the words in the file's name, without its extension."""
    return frozenset(name_parts(PurePosixPath(path).name.partition(".")[0]))


@lru_cache(maxsize=65_536)
def folders(path: str) -> tuple[frozenset[str], ...]:
    """Return the stems of the words in the name of each parent folder."""
    return tuple(frozenset(name_parts(folder)) for folder in PurePosixPath(path).parts[:-1])


RULES = (
    Rule("meaning", 1.0, meaning),
    Rule("words", 1.0, words),
    Rule("names", 0.3, names),
    Rule("symbol_asked", 1.0, symbol_asked),
    Rule("symbol_named", 0.5, symbol_named),
    Rule("symbol_words", 0.3, symbol_words),
    Rule("stem_named", 0.5, stem_named),
    Rule("folder_named", 0.1, folder_named),
    Rule("path_named", 2.0, path_named),
    Rule("aside", -1.4, aside),
)
