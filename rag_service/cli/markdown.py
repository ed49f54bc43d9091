"""Render streamed Markdown in a terminal, line by line: bold, code, highlighted fenced code."""

import re
from collections.abc import Iterator
from typing import Any

from rag_service.cli import terminal

FENCE = re.compile(r"^\s*```(\w*)")
SPANS = re.compile(r"\*\*(?P<bold>[^*\n]+)\*\*|`(?P<code>[^`\n]+)`|(?P<citation>\[\d{1,4}\])")
LONGEST_COLOURED = 500  # longer lines can make a lexer slow, and nobody reads them
COLOURS: dict[str, dict[str, Any]] = {
    "c": {"fg": "bright_black"},
    "s": {"fg": "yellow"},
    "n": {"fg": "blue"},
    "k": {"fg": "bright_blue"},
    "f": {"fg": "green"},
    "t": {"fg": "green", "underline": True},
    "d": {"fg": "bright_magenta"},
    "b": {"fg": "cyan"},
    "m": {"fg": "magenta"},
}


class MarkdownPrinter:
    """Prints Markdown as it arrives: unchanged in a pipe, styled line by line in a terminal."""

    def __init__(self) -> None:
        self._line = ""
        self._language: str | None = None

    def write(self, text: str) -> None:
        """Add the next part of the text, which may end anywhere."""
        if terminal.is_plain():
            terminal.echo(text, nl=False)
            return
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._print(line)

    def close(self) -> None:
        """Print the rest of the last line."""
        if self._line:
            self._print(self._line)
            self._line = ""
        elif terminal.is_plain():
            terminal.echo()

    def _print(self, line: str) -> None:
        fence = FENCE.match(line)
        if fence:
            self._language = None if self._language is not None else fence.group(1)
        elif self._language is not None:
            terminal.echo("  ", *highlight(line, self._language))
        else:
            terminal.echo(*_spans(line))


def _spans(line: str) -> Iterator[terminal.Part]:
    at = 0
    for match in SPANS.finditer(line):
        yield line[at : match.start()]
        yield _span(match)
        at = match.end()
    yield line[at:]


def _span(match: re.Match[str]) -> terminal.Styled:
    if match["bold"]:
        return terminal.style(match["bold"], bold=True)
    if match["code"]:
        return terminal.style(match["code"], fg="green")
    return terminal.style(match["citation"], fg="cyan")


def highlight(line: str, language: str) -> terminal.Line:
    """Return a line of code highlighted; plain if it is too long or Pygments does not know the language."""
    from rag_service.http.highlight import highlight_lines

    if len(line) > LONGEST_COLOURED or "\r" in line:
        return [line]
    [spans] = highlight_lines(line, language or "text")
    return [terminal.style(text, **COLOURS[kind]) if kind in COLOURS else text for kind, text in spans]
