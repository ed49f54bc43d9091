"""The LLM that answers now: the base model with the Production adapter, kept up to date."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ml.adapters.backends import open_backend
from ml.adapters.pointer import pointer_file
from ml.adapters.production import find_adapter
from ml.errors import AdapterError, ModelError
from ml.llm.model import Llm

if TYPE_CHECKING:
    from ml.settings import Settings

Mark = tuple[int, int, int] | None


class LlmInForce:
    """Provide the current LLM for each question; an answer keeps the LLM that it started with.

    The first caller that sees Production change loads the new adapter, while the others keep using the previous one. If
    an adapter can't be served, the base model answers and says why (Llm.notice). A `candidate` is served instead of
    Production; if it can't be, AdapterError is raised.
    """

    def __init__(self, settings: "Settings", candidate: Path | None = None) -> None:
        self._settings = settings
        self._candidate = candidate
        self._changing = threading.Lock()
        self._mark: Mark = None
        self._llm: Llm | None = None
        self._is_open = False

    def get(self) -> Llm | None:
        """Return the LLM, or None for llm="none". Raise ModelError if the base model's file can't be read."""
        if not self._is_current() and self._changing.acquire(blocking=not self._is_open):
            try:
                if not self._is_current():
                    self._change(self._look())
            finally:
                self._changing.release()
        return self._llm

    def _is_current(self) -> bool:
        return self._is_open and self._look() == self._mark

    def _look(self) -> Mark:
        if self._candidate or self._settings.llm_adapter == "none":
            return None
        try:
            found = pointer_file(self._settings).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _change(self, mark: Mark) -> None:
        try:
            llm = self._open()
        except AdapterError as error:
            if self._candidate:
                raise
            base = open_backend(self._settings).open()
            llm = base and replace(base, notice=str(error))
        self._llm, self._mark, self._is_open = llm, mark, True

    def _open(self) -> Llm | None:
        """Open the LLM; load a replacement before it takes over."""
        adapter = find_adapter(self._settings, self._candidate)
        llm = open_backend(self._settings).open(adapter)
        if llm and self._is_open:
            _load(llm)
        return llm


def _load(llm: Llm) -> None:
    """Load an LLM. Raise AdapterError if that fails with an adapter, ModelError if it fails without."""
    try:
        llm.load()
    except ModelError as error:
        if llm.adapter is None:
            raise
        raise AdapterError(f"{llm.adapter.label}: {error.cause}", "promote another, or roll back") from error
