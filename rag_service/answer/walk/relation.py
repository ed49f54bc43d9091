"""How two symbols of a question are connected: the shortest way from one to the other through calls and base classes."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ml.index.chunk import Chunk, last_name
from ml.index.outline import outline
from ml.index.tokens import identifiers
from ml.patterns import linear
from rag_service.answer.walk.callees import CALLABLE, Callees
from rag_service.answer.walk.reader import read_members, read_steps

SIGN = linear(
    r"(?i)\b(?:relat\w+|connect\w*|reach\w*|lead\w*|depend\w*|interact\w*|path|way|flows?|between|end up|goes?|get to)\b"
    r"|(?:связан|связь|отношени|между|попада|доход|зависи|взаимодейств|привод|путь)"
)
NAME = re.compile(r"[^\W\d]\w*")
MOST_SYMBOLS = 60  # that are read while looking for a way
MOST_HOPS = 5


@dataclass(frozen=True, slots=True)
class Hop:
    """A step on the way: the line in `one` that calls `other`, or derives from it."""

    one: Chunk
    other: Chunk
    line: int
    name: str
    is_base: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """The way from one symbol to the other; without hops none was found among `looked_at` symbols."""

    start: Chunk
    end: Chunk
    hops: tuple[Hop, ...]
    looked_at: int


def relation_in(question: str, known: Sequence[Chunk]) -> Relation | None:
    """Return how the first two symbols that a question about a relation names are connected; None if it names no two."""
    if not SIGN.search(question):
        return None
    ends = _named(question, known)
    if len(ends) < 2:
        return None
    start, end = ends[:2]
    forward, seen = way(start, end, known)
    backward, seen_back = way(end, start, known) if not forward else ((), 0)
    return Relation(*((end, start) if backward else (start, end)), forward or backward, seen + seen_back)


def _named(question: str, known: Sequence[Chunk]) -> list[Chunk]:
    """Return the definitions whose names stand in a question as names, in its order."""
    spelled = {word: at for at, word in reversed(list(enumerate(NAME.findall(question))))}
    words = {word: at for word, at in spelled.items() if "_" in word or not word.islower() or f"`{word}`" in question}
    found: dict[str, tuple[int, Chunk]] = {}
    for chunk in known:
        name = last_name(chunk.symbol)
        if chunk.kind in CALLABLE and name in words:
            found.setdefault(name, (words[name], chunk))
    return [chunk for _, chunk in sorted(found.values(), key=lambda one: one[0])]


def way(start: Chunk, end: Chunk, known: Sequence[Chunk]) -> tuple[tuple[Hop, ...], int]:
    """Search the known definitions breadth first; return the hops and how many definitions were read."""
    callees = Callees(known)
    waiting: deque[tuple[Chunk, tuple[Hop, ...]]] = deque([(start, ())])
    seen = {_key(start)}
    while waiting and len(seen) <= MOST_SYMBOLS:
        chunk, hops = waiting.popleft()
        for hop in _hops(chunk, callees) if len(hops) < MOST_HOPS else ():
            if _key(hop.other) == _key(end) or _is_member(hop.other, end):
                return (*hops, hop), len(seen)
            if _key(hop.other) not in seen:
                seen.add(_key(hop.other))
                waiting.append((hop.other, (*hops, hop)))
    return (), len(seen)


def _hops(chunk: Chunk, callees: Callees) -> Iterator[Hop]:
    """Yield the definitions that one calls, and of a class its bases and what its methods call."""
    root = read_steps(chunk)
    if root is None:
        return
    if root.role == "class":
        signature = outline(chunk).signature
        for name in identifiers(signature.partition(last_name(chunk.symbol))[2]):
            base = callees.named(name)
            if base is not None and base.kind == "class" and _key(base) != _key(chunk):
                yield Hop(chunk, base, root.first, name, is_base=True)
        for member in read_members(chunk):
            yield from _hops(member, callees)
        return
    for step in root.within():
        for call in step.calls:
            other = callees.find(call, chunk)
            if other is not None:
                yield Hop(chunk, other, call.line, call.name)


def _is_member(chunk: Chunk, owner: Chunk) -> bool:
    same = (chunk.repo, chunk.file_path) == (owner.repo, owner.file_path)
    return same and owner.kind == "class" and chunk.symbol.startswith((f"{owner.symbol}.", f"{owner.symbol}::"))


def _key(chunk: Chunk) -> tuple[str, str, str]:
    return chunk.repo, chunk.file_path, chunk.symbol
