"""Find the definition that a call refers to, among the definitions that are known."""

from collections.abc import Iterable, Sequence

from ml.index.chunk import SEPARATOR, Chunk, last_name
from rag_service.answer.code.calls import may_mean
from rag_service.answer.walk.steps import Call

CALLABLE = frozenset(("function", "method", "class"))


class Callees:
    """The known definitions, by name."""

    def __init__(self, known: Iterable[Chunk]) -> None:
        self._by_name: dict[str, list[Chunk]] = {}
        for chunk in known:
            if chunk.kind in CALLABLE and chunk.symbol:
                self._by_name.setdefault(last_name(chunk.symbol), []).append(chunk)

    def find(self, call: Call, subject: Chunk) -> Chunk | None:
        """Return the definition that a call in the subject's code refers to; None if that isn't certain enough."""
        found: dict[tuple[str, str, str], Chunk] = {}
        for chunk in self._by_name.get(call.name, ()):
            is_other = (chunk.file_path, chunk.symbol) != (subject.file_path, subject.symbol)
            if is_other and may_mean(call.name, call.receiver, chunk, subject):
                found.setdefault((chunk.repo, chunk.file_path, chunk.symbol), chunk)
        same_file = [chunk for chunk in found.values() if chunk.file_path == subject.file_path]
        certain = same_file or list(found.values())
        return certain[0] if len(certain) == 1 else None

    def named(self, name: str) -> Chunk | None:
        """Return the only known definition of a name."""
        found = {(chunk.repo, chunk.file_path, chunk.symbol): chunk for chunk in self._by_name.get(name, ())}
        return next(iter(found.values())) if len(found) == 1 else None


def members_of(owner: Chunk, known: Sequence[Chunk]) -> list[Chunk]:
    """Return the first chunk of each known method of a class, in the order of its code."""
    found: dict[str, Chunk] = {}
    names = SEPARATOR.split(owner.symbol)
    for chunk in sorted(
        known, key=lambda chunk: (chunk.file_path != owner.file_path, chunk.file_path, chunk.line_start)
    ):
        if chunk.repo == owner.repo and chunk.kind == "method" and SEPARATOR.split(chunk.symbol)[:-1] == names:
            found.setdefault(last_name(chunk.symbol), chunk)
    return list(found.values())
