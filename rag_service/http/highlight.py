"""Highlight code on the server: a line is a list of [class, text] pairs, which the page sets as text, never as HTML.

Classes: c comment, s string, n number, k keyword, f function, t type, d decorator, b built-in name or constant,
m markup, g a line's number in a quoted block, "" everything else.
"""

import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from rag_service.answer.generated.segments import segments

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType

Line = list[tuple[str, str]]

LONGEST = 300_000  # characters of a text
SECONDS = 1.0  # per text; the rest stays plain

QUOTED_LINE = re.compile(r"(?P<number>[ ]*+\d++)(?:[ ]{2}(?P<code>.*))?")  # the form in which answers quote code
OPENING = re.compile(r"[ \t]*(?:`{3,}|~{3,})[ \t]*([\w+#-]*)")


def highlight_lines(text: str, language: str, path: str = "") -> list[Line]:
    """Return the lines of a text as spans, plain if Pygments does not know the language or takes too long."""
    if len(text) > LONGEST:
        return plain(text)
    lines: list[Line] = [[]]
    end, at = time.monotonic() + SECONDS, 0
    for kind, value in _lexer(language, path).get_tokens(text):
        _append(lines, _css_class(kind), value)
        at += len(value)
        if time.monotonic() > end:
            _append(lines, "", text[at:])
            break
    return lines[: text.count("\n") + 1]


def plain(text: str) -> list[Line]:
    """Return the lines of a text as plain spans."""
    return [[("", line)] if line else [] for line in text.split("\n")]


def highlight_blocks(markdown: str, colour: Callable[[str, str], list[Line]] = highlight_lines) -> list[list[Line]]:
    """Return the code of each fenced block of an answer, in order, highlighted."""
    return [_block(part.text.rstrip("\n"), colour) for part in segments(iter([markdown])) if part.is_code]


def _block(fenced: str, colour: Callable[[str, str], list[Line]]) -> list[Line]:
    opening, *lines = fenced.split("\n")[:-1]
    language = OPENING.match(opening)
    numbered = [QUOTED_LINE.fullmatch(line) for line in lines]
    code = "\n".join((match["code"] or "") if match else line for match, line in zip(numbered, lines, strict=True))
    spans = colour(code, language.group(1) if language else "")
    return [[("g", match["number"]), *line] if match else line for match, line in zip(numbered, spans, strict=True)]


def _append(lines: list[Line], css: str, text: str) -> None:
    for number, part in enumerate(text.split("\n")):
        if number:
            lines.append([])
        if part:
            _add(lines[-1], css, part)


def _add(line: Line, css: str, text: str) -> None:
    """Append a span, or extend the previous one; whitespace takes any class."""
    if line and (line[-1][0] == css or not text.strip()):
        line[-1] = (line[-1][0], line[-1][1] + text)
    else:
        line.append((css, text))


@lru_cache(maxsize=128)
def _lexer(language: str, path: str) -> "Lexer":
    from pygments.lexers import find_lexer_class_by_name, find_lexer_class_for_filename
    from pygments.lexers.special import TextLexer
    from pygments.util import ClassNotFound

    try:
        found = find_lexer_class_by_name(language) if language else find_lexer_class_for_filename(path)
    except ClassNotFound:
        found = None
    return (found or TextLexer)(stripnl=False, ensurenl=False)


@lru_cache(maxsize=1024)
def _css_class(kind: "_TokenType") -> str:
    from pygments.token import Comment, Generic, Keyword, Literal, Name, Number, Operator, String, is_token_subtype

    classes = (
        (Comment.Preproc, "d"),
        (Comment, "c"),
        (String.Doc, "c"),
        (String, "s"),
        (Number, "n"),
        (Literal, "s"),
        (Keyword.Type, "t"),
        (Keyword.Constant, "b"),
        (Keyword, "k"),
        (Operator.Word, "k"),
        (Name.Function, "f"),
        (Name.Class, "t"),
        (Name.Decorator, "d"),
        (Name.Attribute, "d"),
        (Name.Builtin, "b"),
        (Name.Constant, "b"),
        (Name.Exception, "t"),
        (Name.Tag, "k"),
        (Generic, "m"),
    )
    return next((css for parent, css in classes if is_token_subtype(kind, parent)), "")
