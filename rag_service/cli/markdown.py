"""Shows streamed Markdown in a terminal, a line at a time: bold, code, fenced code in colours."""

import re

import click

from rag_service.cli import terminal

FENCE = re.compile(r"^\s*```(\w*)")
SPANS = re.compile(r"\*\*(?P<bold>[^*\n]+)\*\*|`(?P<code>[^`\n]+)`|(?P<citation>\[\d+\])")


class MarkdownPrinter:
    """Prints Markdown as it comes. In a pipe it stays as it is; in a terminal each finished line is styled."""

    def __init__(self) -> None:
        self._line = ""
        self._language: str | None = None

    def write(self, text: str) -> None:
        """Takes the next part, which may end anywhere."""
        if terminal.is_plain():
            click.echo(text, nl=False)
            return
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._print(line)

    def close(self) -> None:
        """Prints what is left of the last line."""
        if self._line:
            self._print(self._line)
            self._line = ""
        elif terminal.is_plain():
            click.echo()

    def _print(self, line: str) -> None:
        fence = FENCE.match(line)
        if fence:
            self._language = None if self._language is not None else fence.group(1)
        elif self._language is not None:
            click.echo("  " + coloured(line, self._language))
        else:
            click.echo(SPANS.sub(_span, line))


def _span(match: re.Match[str]) -> str:
    if match["bold"]:
        return terminal.style(match["bold"], bold=True)
    if match["code"]:
        return terminal.style(match["code"], fg="green")
    return terminal.style(match["citation"], fg="cyan")


def coloured(line: str, language: str) -> str:
    """Colours a line of code; one in a language that Pygments does not know stays as it is."""
    from pygments import highlight
    from pygments.formatters import TerminalFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language or "text", stripnl=False, ensurenl=False)
    except ClassNotFound:
        return line
    return str(highlight(line, lexer, TerminalFormatter())).rstrip("\n")
