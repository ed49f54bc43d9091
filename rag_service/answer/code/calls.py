"""Find calls in a line of code, and whether one can refer to a definition."""

from ml.index import tokens
from ml.index.chunk import Chunk, last_name
from ml.patterns import bounded

CALL = bounded(r"(?:(?<![\w$)\]])(?P<receiver>[\w$)\]]++)(?:\.|->|::))?(?P<name>(?<![\w$])[A-Za-z_$][\w$]*+)\s*+\(")
OWN = frozenset(("self", "this", "cls", "@", "super()", "$this", "Self", "self.class", "__MODULE__"))


def receivers_of(owner: str) -> set[str]:
    """Return likely names of an instance of a class: router and api_router for APIRouter, and the class itself."""
    parts = tokens.parts_of(owner)
    return {owner, owner.lower(), "_".join(parts), *parts[-1:]}


def may_mean(receiver: str | None, definition: Chunk) -> bool:
    """Return whether a call on a receiver can refer to a definition.

    Methods need a receiver, and a name of several words unless it is their own class; functions must not have one.
    """
    if definition.kind == "method":
        return receiver in {"self", "this", "cls"} or (
            receiver is not None and "_" in last_name(definition.symbol).strip("_")
        )
    return receiver not in {"self", "this", "cls"}
