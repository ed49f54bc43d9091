"""What is asked and what comes back: the forms in which whoever evaluates hands in what is to be evaluated."""

from collections.abc import Callable
from dataclasses import dataclass

from ml.evaluation.retrieval import Place
from ml.training.examples import Example


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation of an answer: the n of its `[n]`, the lines that it points at, and their text."""

    n: int
    place: Place
    quote: str


@dataclass(frozen=True, slots=True)
class Written:
    """What an LLM wrote by itself, "" for nothing, and whether the service's own check lets it stand."""

    text: str
    supported: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the service.

    `contexts` are the texts of the evidence and `places` where the search found something, both the best first; `found`
    is False where it refused. `written` is what an LLM wrote of it, where that is told apart.
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
