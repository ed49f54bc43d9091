"""Find the callers of a symbol: chunks that contain its name, each verified by the text of the calling line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ml.index.asides import asides
from ml.index.chunk import Chunk, last_name
from ml.index.store.base import Where
from ml.patterns import bounded, called_member, called_word
from rag_service.answer.code.calls import OWN, receivers_of
from rag_service.answer.code.lines import comment_text, is_comment
from rag_service.answer.code.stored import StoredLines
from rag_service.answer.code.symbols import owner_name
from rag_service.retrieve import Retriever
from rag_service.retrieve.question import name_parts

CANDIDATES = 100
CONSTRUCTORS = frozenset(("__init__", "constructor", "initialize", "__construct", "init"))
WITHOUT_PARENTHESES = frozenset(("bash", "ruby", "haskell", "ocaml", "elixir"))
LONGEST_KEYWORD = 200  # with the spaces after it
DEFINITION = bounded(
    r"\b(def|class|fn|func|fun|function|interface|struct|trait|enum|type|sub|defp?|module|record)\s+$",
    longest=LONGEST_KEYWORD,
)


@dataclass(frozen=True, slots=True)
class Call:
    """A line that calls a symbol, and its chunk."""

    chunk: Chunk
    line: int


@dataclass(frozen=True, slots=True)
class Callers:
    """The calls found, code before tests; `ambiguous` if the name is defined more than once."""

    calls: list[Call]
    ambiguous: bool


def callers_of(retriever: Retriever, stored: StoredLines, chunk: Chunk, where: Where) -> Callers:
    """Find the callers of the function, method or class defined by a chunk, in its repository and within `where`."""
    name = last_name(chunk.symbol)
    if not name or chunk.kind not in {"function", "method", "class"}:
        return Callers([], ambiguous=False)
    word = _word(chunk, name)
    found = retriever.mentions(word, where=replace(where, repos=[chunk.repo]), limit=CANDIDATES)
    found = [other for other in found if other.kind != "section"]
    own = chunk.symbol if word == name else chunk.symbol.removesuffix(name).rstrip(" .:#/")
    defined = {(other.file_path, other.symbol) for other in found if last_name(other.symbol) == word}
    calls = [call for other in found for call in _calls(other, chunk, name, stored)]
    calls.sort(key=lambda call: bool(asides(call.chunk.file_path)))
    return Callers(calls, ambiguous=len(defined | {(chunk.file_path, own)}) > 1)


def _calls(other: Chunk, definition: Chunk, name: str, stored: StoredLines) -> Iterator[Call]:
    """Yield the first line of a chunk that calls the name, ignoring recursion and docstrings."""
    if (other.file_path, other.symbol) == (definition.file_path, definition.symbol):
        return
    # Run the expensive checks only on lines that contain the name.
    if _word(definition, name) not in other.text:
        return
    call = _pattern(other, definition, name)
    for number, text in _lines_with(call, other):
        match = call.search(text.removesuffix(comment_text(text))) if not is_comment(text) else None
        if not match or DEFINITION.search(text[max(0, match.start() - LONGEST_KEYWORD) : match.start()]):
            continue
        if number not in stored(other.repo, other.file_path).in_strings:
            yield Call(other, number)
            return


def _lines_with(pattern: re.Pattern[str], chunk: Chunk) -> Iterator[tuple[int, str]]:
    """Return the number and text of each line in which a match begins."""
    rows = dict.fromkeys(chunk.text.count("\n", 0, found.start()) for found in pattern.finditer(chunk.text))
    lines = chunk.text.split("\n") if rows else []
    return ((chunk.line_start + row, lines[row]) for row in rows)


def _pattern(other: Chunk, definition: Chunk, name: str) -> re.Pattern[str]:
    """Return a pattern that matches calls from another chunk.

    A method named with one common word ("get") is ambiguous: it counts only on a receiver that reveals the class.
    """
    parentheses = other.language not in WITHOUT_PARENTHESES
    owner = owner_name(definition)
    if definition.kind != "method" or not owner or name in CONSTRUCTORS:
        return called_word(_word(definition, name), parentheses=parentheses)
    own = OWN if owner_name(other) == owner else frozenset[str]()
    receivers = [] if len(name_parts(name)) > 1 else sorted(receivers_of(owner) | own)
    return called_member(name, receivers, parentheses=parentheses)


def _word(definition: Chunk, name: str) -> str:
    """Return the name used in a call: for a constructor, its class."""
    return (name in CONSTRUCTORS and owner_name(definition)) or name
