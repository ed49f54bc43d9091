"""What the commands print: colours and links where a person looks, plain text in a pipe."""

import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

import click

if TYPE_CHECKING:
    from ml.index.chunk import Chunk


def is_plain(*, err: bool = False) -> bool:
    """Says whether stdout (or stderr) wants no colours: no terminal, NO_COLOR, or a dumb terminal."""
    stream = sys.stderr if err else sys.stdout
    return not stream.isatty() or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def fail(message: str, exit_code: int) -> NoReturn:
    """Prints an error as one line on stderr and ends the process."""
    print_aside(f"error: {' '.join(message.split())}", fg="red")
    sys.exit(exit_code)


def print_aside(line: str, **styles: Any) -> None:
    """Prints a line on stderr, coloured where that is a terminal."""
    click.echo(line if is_plain(err=True) else click.style(line, **styles), err=True)


def style(text: str, **styles: Any) -> str:
    """Colours text where stdout is a terminal."""
    return text if is_plain() else click.style(text, **styles)


def print_json(value: object) -> None:
    """Prints one JSON document on a line of its own; letters of any language stay readable."""
    click.echo(json.dumps(value, ensure_ascii=False))


def place(chunk: "Chunk") -> str:
    """Gives `path:start-end`, which editors and terminals open."""
    return f"{chunk.file_path}:{chunk.line_start}-{chunk.line_end}"


def link(text: str, file: Path, line: int, template: str) -> str:
    """Makes text a link (OSC 8) to a file where the terminal shows links; `template` holds {host}, {path} and {line}."""
    if is_plain() or not file.is_absolute():
        return text
    target = template.format(host=socket.gethostname(), path=quote(str(file)), line=line)
    return f"\x1b]8;;{target}\x1b\\{text}\x1b]8;;\x1b\\"


class Places:
    """Knows where the repositories of the index lie on this machine, so that a place can be a link."""

    def __init__(self, sources: Mapping[str, str], template: str) -> None:
        self._sources = sources
        self._template = template

    def link(self, repo: str, file_path: str, line_start: int, line_end: int) -> str:
        """Gives `path:start-end`, as a link where the repository is a folder here."""
        text = f"{file_path}:{line_start}-{line_end}"
        return link(style(text, fg="cyan"), Path(self._sources.get(repo, "")) / file_path, line_start, self._template)
