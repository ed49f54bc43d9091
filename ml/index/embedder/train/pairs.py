"""Training pairs: a question that a user might ask, and the code that answers it, as it would be indexed.

documentation   the first sentence of a symbol's documentation  ->  the symbol without that sentence
name            the words of a symbol's name                    ->  its body
comment         a comment inside the body                       ->  the symbol without that comment
section         a heading and its parents                       ->  the text below it

Half of the sentences get the opening of a question, so that "how does" and the like learn a weight of zero. A quarter
stay in the answer, as in a real index, so that words shared by question and code count.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zlib import crc32

from ml.index.split import Piece, split
from ml.index.tokens import parts_of, words
from ml.patterns import bounded, whole_word

MIN_WORDS, MAX_WORDS = 3, 40
MIN_BODY = 8
COMMENT = bounded(
    r"\s*(?://[/!]*|/\*[*!]*|\*+/?(?=\s|$)|#+(?=\s|$)|--+(?:\[\[|\|)?(?=\s|$)|;;+|\"\"\"|\'\'\'|\{-\|?)(?P<text>.*)"
)
QUOTES = ('"""', "'''")
MARKUP = bounded(r"\{@\w+ ([^}]*)\}|</?\w[^>]*>|:\w+:`([^`]*)`|\[([^\]]*)\]\([^)]*\)|[`*]+")
END_OF_SENTENCE = re.compile(r"(?<=[a-z0-9\)])[.:;](?:\s|$)")
TAG = bounded(r"\s*(?:[@\\]\w+|:\w+.*:|\w+:|Args|Parameters|Returns|Example|>>>|---|===|```|~~~)")
OPENINGS = (
    "how does it",
    "how to",
    "how is this done:",
    "where does the code",
    "where is the function that",
    "what",
    "which class",
    "find the code that",
)
LONGEST_QUESTION = 1_000
NOT_WORD = re.compile(r"\W+")
NOISE = bounded(
    r"(?i)copyright|licen[sc]e|eslint|pylint|noqa|todo|fixme|nolint|prettier|istanbul|http|@ts-|deprecated|generated|clang-format",
    longest=LONGEST_QUESTION,
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and its answer; `kind` is one of the above."""

    kind: str
    question: str
    answer: str


def mine(path: str, text: str) -> Iterator[Pair]:
    """Yield the pairs of one file."""
    for piece in split(path, text):
        if piece.kind == "section":
            yield from _section(piece)
        elif piece.symbol and piece.kind != "module":
            yield from _symbol(piece)


def _symbol(piece: Piece) -> Iterator[Pair]:
    lines = piece.text.split("\n")
    blocks = list(_comment_blocks(lines))
    name = NOT_WORD.split(piece.symbol)[-1]
    first = blocks[0][0] if blocks else 0
    for start, end in blocks[:1] + sorted(blocks[1:], key=lambda block: block[0] - block[1])[:1]:
        question, used = _sentence(lines[start:end])
        chance = crc32(question.encode())
        rest = lines if chance // 2 % 4 == 0 else lines[:start] + lines[start + used :]
        if _is_sentence(question) and _long_enough(rest):
            yield Pair(
                "documentation" if start == first else "comment",
                _with_opening(question, chance),
                "\n".join((piece.header, *rest)),
            )
    code = [line for at, line in enumerate(lines) if not any(start <= at < end for start, end in blocks)]
    body = whole_word(name).sub(" ", "\n".join(code)) if name else ""
    spoken = parts_of(name)
    if len(spoken) > 1 and _long_enough([body]):
        yield Pair("name", " ".join(spoken), body)


def _with_opening(sentence: str, chance: int) -> str:
    """Return the sentence, or in half of the cases a question that begins with one of OPENINGS."""
    return sentence if chance % 2 else f"{OPENINGS[chance // 8 % len(OPENINGS)]} {sentence}"


def _section(piece: Piece) -> Iterator[Pair]:
    title, _, text = piece.text.partition("\n")
    question = " ".join((piece.symbol.replace(".", " "), title.lstrip("#= ")))
    if piece.symbol and _long_enough([text]):
        yield Pair("section", question, f"{piece.header}\n{text}")


def _comment_blocks(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each run of comment lines, docstrings included."""
    start, quote = None, ""
    for at, line in enumerate(lines):
        bare = line.strip()
        if quote:
            if quote in bare:
                yield start or 0, at + 1
                start, quote = None, ""
            continue
        opened = next((mark for mark in QUOTES if bare.lstrip("rRuUbBf").startswith(mark)), "")
        if opened and bare.count(opened) == 1:
            start, quote = at, opened
        elif COMMENT.match(line) or opened:
            start = at if start is None else start
        elif start is not None:
            yield start, at
            start = None
    if start is not None and not quote:
        yield start, len(lines)


def _sentence(block: Iterable[str]) -> tuple[str, int]:
    """Return the first sentence of a comment and its number of lines."""
    found: list[str] = []
    used = 0
    for line in block:
        match = COMMENT.match(line)
        text = MARKUP.sub(lambda mark: " ".join(filter(None, mark.groups())), match["text"] if match else line)
        text = text.strip(" \t*/\"'#-=!")
        if found and (not text or TAG.match(text)):
            break
        used += 1
        if not text or TAG.match(text):
            continue
        ended = END_OF_SENTENCE.search(text)
        found.append(text[: ended.start()] if ended else text)
        if ended or used > 6:
            break
    return " ".join(found), used


def _is_sentence(question: str) -> bool:
    """Return whether a comment is a sentence about the code, in Latin letters."""
    spoken = question.split() if len(question) <= LONGEST_QUESTION else []
    letters = sum(character.isascii() and (character.isalpha() or character == " ") for character in question)
    return MIN_WORDS <= len(spoken) <= MAX_WORDS and letters > 0.8 * len(question) and not NOISE.search(question)


def _long_enough(lines: Iterable[str]) -> bool:
    return sum(len(words(line)) for line in lines) >= MIN_BODY
