"""Run a command as a person or a pipe sees it: capture every byte that it would send to a terminal."""

import fcntl
import logging
import os
import pty
import re
import struct
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from ml.settings import get_settings
from ml.visible import HIDDEN, label
from rag_service.cli import main

ROWS, COLUMNS = 50, 240
# What we send on purpose: colours, links to local files, and what a progress bar needs.
OURS = re.compile(r"\x1b\[[\d;]*m|\x1b\]8;;(?:file://[!-~]*)?\x1b\\|\x1b\[\?25[lh]|\x1b\[[12]?[AK]|\r+(?=[\n\x1b])")
# Colours, which an attacker may not send either: no style of ours blinks.
FORGED = "\x1b[31;5m"
ATTACK = (
    "\x1b]52;c;cm0gLXJmIH4=\x07\x1b]0;owned\x07\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\\x1b[2J\x1b[1;1H"
    f"{FORGED}\x9b31m\x90q\x9c\x08\x0b\x0c\x7f\u202etxt.exe\u2066\u2069\u200b\u200e\ufeff\u2028\U000e0041\U000e0100"
)


@dataclass(frozen=True)
class Screen:
    """Everything a command wrote, stdout and stderr together, and its exit status."""

    text: str
    code: int

    def attacks(self) -> list[str]:
        """Return what a terminal would obey or hide from its reader, except what is ours."""
        return [label(found) for found in HIDDEN.findall(OURS.sub("", self.text))] + [FORGED] * (FORGED in self.text)


def run(monkeypatch: pytest.MonkeyPatch, arguments: list[str], *, on_terminal: bool) -> Screen:
    """Run the command line in this process, with its output to a terminal or a pipe."""
    get_settings.cache_clear()
    monkeypatch.setattr(sys, "argv", ["codeintel", *arguments])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(logging, "lastResort", logging.lastResort)
    code = 0
    parts: list[bytes] = []
    with _outlet(monkeypatch, parts, on_terminal=on_terminal):
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Screen(b"".join(parts).decode(), code)


@contextmanager
def _outlet(monkeypatch: pytest.MonkeyPatch, parts: list[bytes], *, on_terminal: bool) -> Iterator[None]:
    source, sink = pty.openpty() if on_terminal else os.pipe()
    if on_terminal:
        fcntl.ioctl(sink, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    reader = threading.Thread(target=_read, args=(source, parts))
    reader.start()
    with monkeypatch.context() as patch, os.fdopen(sink, "w", encoding="utf-8", errors="surrogateescape") as stream:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", stream)
        yield
        stream.flush()
    reader.join()
    os.close(source)


def _read(source: int, parts: list[bytes]) -> None:
    try:
        while part := os.read(source, 65_536):
            parts.append(part)
    except OSError:  # how a terminal reports that its other end is closed
        return
