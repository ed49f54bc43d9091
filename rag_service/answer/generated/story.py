"""The evidence as a model on this machine reads it: in the order of the story, and no more of it than can be read in time."""

import re
from collections.abc import Sequence
from textwrap import dedent

from ml.index.chunk import Chunk, last_name
from rag_service.answer.code.lines import LineMatcher
from rag_service.answer.generated.generate import CHARS_A_TOKEN
from rag_service.answer.generated.prompt import GAP, LEAST_CHARS, escape_evidence, nearest_lines

SUBJECT_SHARE = 0.65  # of the budget, so that what the subject calls fits beside it
WORD = re.compile(r"[^\W\d]\w*")


def tell_story(subject: Chunk, chunks: Sequence[Chunk], matcher: LineMatcher, tokens: int) -> str:
    """Return the subject, what it calls, what calls it, and the rest, each below its path, within a budget of tokens."""
    chars, parts = tokens * CHARS_A_TOKEN, list[str]()
    for chunk in in_order(subject, chunks):
        share = SUBJECT_SHARE if not parts else 1.0
        part = _part(chunk, matcher, int(chars * share))
        if chars < LEAST_CHARS and parts:
            break
        chars -= len(part)
        parts.append(part)
    return "\n\n".join(parts)


def in_order(subject: Chunk, chunks: Sequence[Chunk]) -> list[Chunk]:
    """Return the subject, then the chunks that it names in the order in which it names them, those that name it, and the others."""
    named = {word: at for at, word in reversed(list(enumerate(WORD.findall(subject.text))))}
    name, last = last_name(subject.symbol), len(named) + len(subject.text)

    def rank(chunk: Chunk) -> tuple[int, int]:
        if chunk is subject:
            return 0, 0
        if (called := named.get(last_name(chunk.symbol), last)) < last:
            return 1, called
        return (2 if name and name in WORD.findall(chunk.text) else 3), 0

    return sorted(chunks, key=rank)


def _part(chunk: Chunk, matcher: LineMatcher, chars: int) -> str:
    lines = [escape_evidence(line).rstrip() for line in dedent(chunk.text).split("\n")]
    kept = nearest_lines(chunk, lines, matcher, chars)
    shown = (
        lines[at] if at in kept else GAP for at in range(len(lines)) if lines[at] and (at in kept or at - 1 in kept)
    )
    owner = escape_evidence(f"{chunk.file_path} {chunk.symbol}".strip())
    return "\n".join([f"# {owner}", *shown])
