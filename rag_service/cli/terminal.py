"""Output of the commands: colours and links in a terminal, plain text in a pipe.

Everything goes through `echo`. Strings are untrusted, so their control characters are made visible, never sent; only
a `Styled`, which a string cannot forge, may control the terminal.
"""

import logging
import os
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, TypeAlias
from urllib.parse import quote

import click

from ml.visible import VisibleFormatter, json_text, visible


@dataclass(frozen=True, slots=True)
class Styled:
    """A line of text with its colours and link target. It is not a string: pass it to `echo`."""

    text: str
    styles: Mapping[str, Any] = field(default_factory=dict)
    address: str = ""

    def __str__(self) -> str:
        """Raise TypeError: a string would lose the style, or smuggle it in."""
        raise TypeError("pass a Styled to terminal.echo as an argument of its own")


Part: TypeAlias = str | Styled
Line: TypeAlias = Sequence[Part]


def is_plain(*, err: bool = False) -> bool:
    """Return whether stdout (or stderr) is to be plain: not a terminal, NO_COLOR, or a dumb terminal."""
    stream = sys.stderr if err else sys.stdout
    is_terminal = stream is not None and stream.isatty()
    return not is_terminal or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def echo(*parts: Part, err: bool = False, nl: bool = True) -> None:
    """Print the parts, joined, on stdout (or stderr)."""
    plain = is_plain(err=err)
    text = "".join(_plain(part) if plain else _coloured(part) for part in parts)
    _write(text, err=err, nl=nl, color=not plain)


def _write(text: str, **options: Any) -> None:
    try:
        click.echo(text, **options)
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_output()
        raise click.ClickException(f"the output cannot be written: {error.strerror}") from error


def drop_output() -> None:
    """Redirect a broken stdout to /dev/null, so that the interpreter does not fail again when it flushes it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _plain(part: Part) -> str:
    return visible(part) if isinstance(part, str) else visible(part.text, is_line=True)


def _coloured(part: Part) -> str:
    if isinstance(part, str):
        return visible(part, _reversed)
    text = click.style(visible(part.text, _reversed, is_line=True), **part.styles)
    return f"\x1b]8;;{part.address}\x1b\\{text}\x1b]8;;\x1b\\" if part.address else text


def _reversed(shown: str) -> str:
    """Show a control character in reverse video, which keeps the surrounding colours."""
    return f"\x1b[7m{shown}\x1b[27m"


def fail(message: str, exit_code: int) -> NoReturn:
    """Print an error as one line on stderr and exit."""
    print_aside(f"error: {' '.join(message.split())}", fg="red")
    sys.exit(exit_code)


def print_aside(line: str, **styles: Any) -> None:
    """Print a line on stderr, coloured if it is a terminal."""
    echo(Styled(line, styles), err=True)


def style(text: str, **styles: Any) -> Styled:
    """Return a line of text that is coloured if stdout is a terminal."""
    return Styled(text, styles)


def print_json(value: object) -> None:
    """Print a JSON document on one line, without escaping non-ASCII letters."""
    _write(json_text(value))


def guard() -> None:
    """Escape what Python itself prints, too: log records and tracebacks of unexpected errors."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # never a raw byte, and never an error in a narrow encoding
    logging.lastResort = logging.StreamHandler()
    logging.lastResort.setLevel(logging.WARNING)
    logging.lastResort.setFormatter(VisibleFormatter())
    sys.excepthook = _show_failure


def _show_failure(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    echo("".join(traceback.format_exception(kind, error, trace)), err=True, nl=False)


class Places:
    """Local folders of the indexed repositories, so that locations can be links."""

    def __init__(self, sources: Mapping[str, str], template: str) -> None:
        self._sources = sources
        self._template = template

    def link(self, repo: str, file_path: str, line_start: int, line_end: int) -> Styled:
        """Return `path:start-end`, as a link (OSC 8) if the repository is a local folder."""
        file = Path(self._sources.get(repo, "")) / file_path
        return Styled(f"{file_path}:{line_start}-{line_end}", {"fg": "cyan"}, self._address(file, line_start))

    def _address(self, file: Path, line: int) -> str:
        """Return the URL of a line of a file; the template contains {host}, {path} and {line}."""
        if not file.is_absolute():
            return ""
        address = self._template.format(host=socket.gethostname(), path=quote(str(file), errors="replace"), line=line)
        return visible(address, is_line=True)
