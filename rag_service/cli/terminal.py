"""What the commands print: colours and links where a person looks, plain text in a pipe.

Everything goes through `echo`. A string may come from outside, so its control characters are shown, never sent; what
the terminal is to obey is a `Styled`, which a string cannot forge.
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
    """Text of one line with its colours, and the address it links to. It is no string: pass it to `echo`."""

    text: str
    styles: Mapping[str, Any] = field(default_factory=dict)
    address: str = ""

    def __str__(self) -> str:
        """Refuse to lose the style, or to carry it into a string unseen."""
        raise TypeError("a Styled is printed by terminal.echo, as a part of its own")


Part: TypeAlias = str | Styled
Line: TypeAlias = Sequence[Part]


def is_plain(*, err: bool = False) -> bool:
    """Tell whether stdout (or stderr) wants no colours: no terminal, NO_COLOR, or a dumb terminal."""
    stream = sys.stderr if err else sys.stdout
    is_terminal = stream is not None and stream.isatty()
    return not is_terminal or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def echo(*parts: Part, err: bool = False, nl: bool = True) -> None:
    """Print the parts, one after the other, on stdout (or stderr)."""
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
    """Let stdout lead nowhere, where it can't be written to: the interpreter would complain again as it closes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _plain(part: Part) -> str:
    return visible(part) if isinstance(part, str) else visible(part.text, is_line=True)


def _coloured(part: Part) -> str:
    if isinstance(part, str):
        return visible(part, _reversed)
    text = click.style(visible(part.text, _reversed, is_line=True), **part.styles)
    return f"\x1b]8;;{part.address}\x1b\\{text}\x1b]8;;\x1b\\" if part.address else text


def _reversed(shown: str) -> str:
    """Set a shown character apart by reverse video, which leaves the colours around it."""
    return f"\x1b[7m{shown}\x1b[27m"


def fail(message: str, exit_code: int) -> NoReturn:
    """Print an error as one line on stderr and end the process."""
    print_aside(f"error: {' '.join(message.split())}", fg="red")
    sys.exit(exit_code)


def print_aside(line: str, **styles: Any) -> None:
    """Print a line on stderr, coloured where that is a terminal."""
    echo(Styled(line, styles), err=True)


def style(text: str, **styles: Any) -> Styled:
    """Return text of one line that is coloured where stdout is a terminal."""
    return Styled(text, styles)


def print_json(value: object) -> None:
    """Print one JSON document on a line of its own; letters of any language stay readable."""
    _write(json_text(value))


def guard() -> None:
    """Make what Python itself prints harmless too: log records and tracebacks of failures nobody foresaw."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # never a raw byte, and no failure in a narrow encoding
    logging.lastResort = logging.StreamHandler()
    logging.lastResort.setLevel(logging.WARNING)
    logging.lastResort.setFormatter(VisibleFormatter())
    sys.excepthook = _show_failure


def _show_failure(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    echo("".join(traceback.format_exception(kind, error, trace)), err=True, nl=False)


class Places:
    """Where the repositories of the index lie on this machine, so that a place can be a link."""

    def __init__(self, sources: Mapping[str, str], template: str) -> None:
        self._sources = sources
        self._template = template

    def link(self, repo: str, file_path: str, line_start: int, line_end: int) -> Styled:
        """Return `path:start-end`, as a link (OSC 8) where the repository is a folder here."""
        file = Path(self._sources.get(repo, "")) / file_path
        return Styled(f"{file_path}:{line_start}-{line_end}", {"fg": "cyan"}, self._address(file, line_start))

    def _address(self, file: Path, line: int) -> str:
        """Return the address of a line of a file; the template holds {host}, {path} and {line}."""
        if not file.is_absolute():
            return ""
        address = self._template.format(host=socket.gethostname(), path=quote(str(file), errors="replace"), line=line)
        return visible(address, is_line=True)
