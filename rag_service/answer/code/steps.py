"""Find the steps of a function: the calls in its body whose definitions are known."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ml.index.chunk import Chunk, last_name
from ml.patterns import bounded
from rag_service.answer.code.lines import LineMatcher, is_comment

CALL = bounded(r"(?:(?<![\w$)\]])(?P<receiver>[\w$)\]]++)(?:\.|->|::))?(?P<name>(?<![\w$])[A-Za-z_$][\w$]*+)\s*+\(")
CALLABLE = frozenset(("function", "method", "class"))


@dataclass(frozen=True, slots=True)
class Step:
    """A call at a line, and the chunk that defines the callee."""

    line: int
    name: str
    definition: Chunk


def steps_of(
    chunk: Chunk, body_start: int, definitions: Iterable[Chunk], matcher: LineMatcher, limit: int
) -> list[Step]:
    """Return up to `limit` calls in line order, those whose names match the question best."""
    known: dict[str, Chunk] = {}
    for definition in definitions:
        if definition.kind in CALLABLE and definition.symbol != chunk.symbol:
            known.setdefault(last_name(definition.symbol), definition)
    steps: dict[str, Step] = {}
    for step in _calls(chunk, body_start, known):
        steps.setdefault(step.name, step)
    best = sorted(steps.values(), key=lambda step: (-matcher.score(step.name), step.line))[:limit]
    return sorted(best, key=lambda step: step.line)


def _calls(chunk: Chunk, body_start: int, known: dict[str, Chunk]) -> Iterator[Step]:
    for number, text in enumerate(chunk.text.split("\n"), start=chunk.line_start):
        if number < body_start or is_comment(text):
            continue
        for call in CALL.finditer(text):
            definition = known.get(call["name"])
            if definition and may_mean(call["receiver"], definition):
                yield Step(number, call["name"], definition)


def may_mean(receiver: str | None, definition: Chunk) -> bool:
    """Return whether a call on a receiver can refer to a definition.

    Methods need a receiver, and a name of several words unless it is their own class; functions must not have one.
    """
    if definition.kind == "method":
        return receiver in {"self", "this", "cls"} or (
            receiver is not None and "_" in last_name(definition.symbol).strip("_")
        )
    return receiver not in {"self", "this", "cls"}
