"""Find calls in a line of code, and whether one can refer to a definition."""

from ml.index.chunk import Chunk, last_name
from ml.patterns import bounded

CALL = bounded(r"(?:(?<![\w$)\]])(?P<receiver>[\w$)\]]++)(?:\.|->|::))?(?P<name>(?<![\w$])[A-Za-z_$][\w$]*+)\s*+\(")


def may_mean(receiver: str | None, definition: Chunk) -> bool:
    """Return whether a call on a receiver can refer to a definition.

    Methods need a receiver, and a name of several words unless it is their own class; functions must not have one.
    """
    if definition.kind == "method":
        return receiver in {"self", "this", "cls"} or (
            receiver is not None and "_" in last_name(definition.symbol).strip("_")
        )
    return receiver not in {"self", "this", "cls"}
