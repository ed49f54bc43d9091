"""The records of a running assistant, wherever they lie: what was asked and answered, and what readers thought of it.

They lie in the assistant's own journals; where `langfuse_url` is set they are read from Langfuse, to which every assistant
sends the same as traces.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ml import journal

if TYPE_CHECKING:
    from ml.settings import Settings

AUDIT, FEEDBACK = "audit.jsonl", "feedback.jsonl"
STANDARD_ATTRIBUTES = {
    "id": "codeintel.answer.id",
    "caller": "user.id",
    "question": "input.value",
    "answer": "output.value",
    "comment": "input.value",
}

Line = Mapping[str, Any]
"""A line of the audit log or of the feedback, as `rag_service.record` writes it, with its `time` (ISO 8601)."""


class Records(Protocol):
    """Where records are read from, the oldest first. Raises RecordError where they can't be."""

    def answers(self, *, since: datetime | None = None, ids: Container[str] | None = None) -> Iterator[Line]:
        """Return the answers since a time, or all; of these, where `ids` are named, only those."""

    def feedback(self, *, since: datetime | None = None) -> Iterator[Line]:
        """Return the feedback since a time, or all; its `id` is the answer's."""

    def place(self) -> str:
        """Return where they lie, after looking whether they can be read."""


@dataclass(frozen=True, slots=True)
class Journals:
    """The journals in a folder; none are there where nothing was asked yet."""

    folder: Path

    def answers(self, *, since: datetime | None = None, ids: Container[str] | None = None) -> Iterator[Line]:
        """Yield the answers; see Records. A line by another hand, without a question, is passed over."""
        for line in _since(self.folder / AUDIT, since):
            question = line.get("question")
            if question and isinstance(question, str) and (ids is None or str(line.get("id")) in ids):
                yield line

    def feedback(self, *, since: datetime | None = None) -> Iterator[Line]:
        """Return the feedback; see Records."""
        return _since(self.folder / FEEDBACK, since)

    def place(self) -> str:
        """Name the folder."""
        return f"the journals in {self.folder}"


def open_records(settings: "Settings", folder: Path | None = None) -> Records:
    """Return the records that the settings name, or the journals in `folder`."""
    if folder is None and settings.langfuse_url:
        from ml.langfuse import open_langfuse

        return open_langfuse(settings)
    return Journals(folder or Path(settings.data_dir))


def attribute(name: str) -> str:
    """Name the attribute of a span that holds a field of a line: a standard one where there is one."""
    return STANDARD_ATTRIBUTES.get(name, f"codeintel.{name}")


def _since(file: Path, since: datetime | None) -> Iterator[Line]:
    for line in journal.read(file):
        if since is None or _is_since(line, since):
            yield line


def _is_since(line: Line, since: datetime) -> bool:
    try:
        return datetime.fromisoformat(line["time"]) >= since
    except (KeyError, TypeError, ValueError):  # a line by another hand
        return False
