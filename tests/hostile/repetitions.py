"""Finds the texts on which a regular expression may take longest, from its own parse tree."""

import re
import re._constants as op  # the parser that `re` itself uses: what it says is what runs
import re._parser as parser
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

Make = Callable[[int], str]

CANDIDATES = "a1 _-.\"'\\/\n\tAZzя:=(<[{`#@$é"
CATEGORIES = {
    op.CATEGORY_DIGIT: r"\d",
    op.CATEGORY_NOT_DIGIT: r"\D",
    op.CATEGORY_SPACE: r"\s",
    op.CATEGORY_NOT_SPACE: r"\S",
    op.CATEGORY_WORD: r"\w",
    op.CATEGORY_NOT_WORD: r"\W",
}
COMMON = ["a", "A", "1", "_", " ", "\n", "\t", '"', "'", "\\", "/", "(", "[", "{", "<", "`", "#", "-", ".", "=", ":"]
COMMON += ["a ", "a.", "a:", "a(", 'a"', "\\n", "0x", "aA", "a_", "((", "a\n", " \n", "я", "[]", "()"]
KILLERS = ("", "\n", "\0", "!")
LARGE = 10  # a repetition of less can't make a text slow by itself
FEW = 3


def attacks(pattern: str, flags: int) -> Iterator[Make]:
    """Yield functions that make a text of about so many characters: repetitions that fit parts of the pattern."""
    tree = parser.parse(pattern, flags & ~re.TEMPLATE)
    seen = set()
    for prefix, unit in _dedupe([*_repetitions(tree, [""]), *(("", unit) for unit in [*_prefixes(tree), *COMMON])]):
        for killer in KILLERS:
            if unit and (key := (prefix, unit, killer)) not in seen:
                seen.add(key)
                yield _repeated(prefix, unit, killer)


def _repeated(prefix: str, unit: str, killer: str) -> Make:
    return lambda size: prefix + unit * (max(0, size - len(prefix) - len(killer)) // len(unit)) + killer


def _dedupe(found: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys(found))


def _prefixes(tree: Any) -> Iterator[str]:
    """Yield what fits the first one, two, … parts of the pattern: repeated, each is a start that fails late."""
    for end in range(1, len(tree) + 1):
        yield from islice(_sequence(tree[:end]), FEW)


def _repetitions(tree: Any, prefixes: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what leads to each long repetition, and what is repeated in it."""
    for kind, value in tree:
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            _, most, inner = value
            if most >= LARGE:
                yield from ((prefix, unit) for prefix in prefixes[:2] for unit in islice(_sequence(inner), FEW))
        for inner in _inside(kind, value):
            yield from _repetitions(inner, prefixes)
        pieces = list(islice(_samples(kind, value), FEW))
        prefixes = [prefix + piece for prefix in prefixes[:2] for piece in pieces[:2]] or prefixes


def _inside(kind: Any, value: Any) -> list[Any]:
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        return [value[2]]
    if kind is op.BRANCH:
        return list(value[1])
    if kind is op.SUBPATTERN:
        return [value[3]]
    if kind is op.ATOMIC_GROUP:
        return [value]
    if kind in (op.ASSERT, op.ASSERT_NOT):
        return [value[1]]
    return []


def _sequence(parts: Any) -> Iterator[str]:
    """Yield texts that fit a sequence of parts: the first choice of each, then the second, and so on."""
    columns = [list(islice(_samples(kind, value), FEW)) or [""] for kind, value in parts]
    for row in range(max(map(len, columns), default=0)):
        yield "".join(column[min(row, len(column) - 1)] for column in columns)


def _samples(kind: Any, value: Any) -> Iterator[str]:
    if kind is op.LITERAL:
        yield chr(value)
    elif kind is op.NOT_LITERAL:
        yield from (c for c in CANDIDATES if ord(c) != value)
    elif kind is op.ANY:
        yield from 'a ("'
    elif kind is op.IN:
        yield from _of_class(value)
    elif kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        least, _, inner = value
        yield from (sample * max(1, least) for sample in _sequence(inner))
        if not least:
            yield ""
    elif kind is op.ASSERT:
        yield from _sequence(value[1]) if value[0] < 0 else ("",)
    elif kind is op.BRANCH:
        yield from (next(_sequence(branch), "") for branch in value[1])
    else:
        for inner in _inside(kind, value):
            yield from _sequence(inner)


def _of_class(items: list[tuple[Any, Any]]) -> Iterator[str]:
    negated = items[0][0] is op.NEGATE
    of_items = [chr(v) if k is op.LITERAL else chr(v[0]) for k, v in items if k in (op.LITERAL, op.RANGE)]
    candidates = list(CANDIDATES) if negated else [*(c for c in CANDIDATES if _is_in(c, items)), *of_items]
    yield from (c for c in dict.fromkeys(candidates) if _is_in(c, items) != negated)


def _is_in(character: str, items: list[tuple[Any, Any]]) -> bool:
    return any(
        (kind is op.LITERAL and ord(character) == value)
        or (kind is op.RANGE and value[0] <= ord(character) <= value[1])
        or (kind is op.CATEGORY and bool(re.match(CATEGORIES[value], character)))
        for kind, value in items
    )
