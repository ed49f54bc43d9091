"""Find calls in a line of code, and whether one can refer to a definition."""

from collections.abc import Collection
from pathlib import PurePosixPath

from ml.index import tokens
from ml.index.chunk import SEPARATOR, Chunk
from ml.patterns import bounded
from rag_service.answer.code.symbols import owner_name
from rag_service.retrieve.question import name_parts

CALL = bounded(r"(?:(?<![\w$)\]])(?P<receiver>[\w$)\]]++)(?:\.|->|::))?(?P<name>(?<![\w$])[A-Za-z_$][\w$]*+)\s*+\(")
OWN = frozenset(("self", "this", "cls", "@", "super()", "$this", "Self", "self.class", "__MODULE__"))


def receivers_of(owner: str) -> set[str]:
    """Return likely names of an instance of a class: router and api_router for APIRouter, and the class itself."""
    parts = tokens.parts_of(owner)
    return {owner, owner.lower(), "_".join(parts), *parts[-1:]}


def may_mean(name: str, receiver: str | None, definition: Chunk, subject: Chunk, bases: Collection[str] = ()) -> bool:
    """Return whether a call in the subject's code, whose class has these bases, can refer to a definition.

    A name alone proves nothing: many classes have a `read_text`. A method of another class needs a receiver that is
    called like that class, or a name of several words in the same file; a function on a receiver needs that module.
    """
    if definition.repo != subject.repo or name in OWN:
        return False
    owner = owner_name(definition)
    if receiver in OWN or (not receiver and definition.kind == "method"):
        return bool(owner) and owner in {*SEPARATOR.split(subject.symbol), *bases}
    if not receiver:
        return True
    parts = [part.strip("_@$*&!() ") for part in SEPARATOR.split(receiver.replace("->", "."))]
    if definition.kind == "method":
        telling = len(name_parts(name)) > 1 and definition.file_path == subject.file_path
        return bool({parts[-1], parts[-1].lower()} & receivers_of(owner)) or telling
    path = PurePosixPath(definition.file_path)
    return parts == [owner] or parts in (
        [*path.parent.parts, path.stem][-len(parts) :],
        list(path.parent.parts)[-len(parts) :],
    )
