"""The interface to what is evaluated: questions in, replies out."""

from collections.abc import Callable
from dataclasses import dataclass

from ml.evaluation.retrieval import Place
from ml.training.examples import Example


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation in an answer: the n of its `[n]`, the lines that it points to, and their text."""

    n: int
    place: Place
    quote: str


@dataclass(frozen=True, slots=True)
class Written:
    """What the LLM alone wrote, "" for nothing, and whether the service's own check accepts it."""

    text: str
    supported: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the service.

    `contexts` are the texts of the evidence and `places` the locations of the search results, both best first; `found`
    is False if it refused. `written` is the LLM's part of it, if known separately.
    """

    answer: str
    found: bool
    citations: tuple[Cited, ...] = ()
    contexts: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    written: Written | None = None


Ask = Callable[[str], Reply]
"""Answers a question as the service does."""

Write = Callable[[Example], Written]
"""Lets the LLM alone write about an example's own evidence, with the prompt that the service asks it with."""
