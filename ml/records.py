"""The records of a running assistant: questions, answers and feedback.

They are read from the assistant's own journals or, if `langfuse_url` is set, from Langfuse, to which every assistant
sends the same data as traces.
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
    """A source of records, oldest first. Methods raise RecordError if they can't be read."""

    def answers(self, *, since: datetime | None = None, ids: Container[str] | None = None) -> Iterator[Line]:
        """Return the answers since a time, or all; with `ids`, only those."""

    def feedback(self, *, since: datetime | None = None) -> Iterator[Line]:
        """Return the feedback since a time, or all; each `id` is the answer's."""

    def place(self) -> str:
        """Return where the records are, after checking that they can be read."""


@dataclass(frozen=True, slots=True)
class Journals:
    """The journals in a folder, which may not exist before the first question."""

    folder: Path

    def answers(self, *, since: datetime | None = None, ids: Container[str] | None = None) -> Iterator[Line]:
        """Yield the answers, skipping foreign lines without a question."""
        for line in _since(self.folder / AUDIT, since):
            question = line.get("question")
            if question and isinstance(question, str) and (ids is None or str(line.get("id")) in ids):
                yield line

    def feedback(self, *, since: datetime | None = None) -> Iterator[Line]:
        """Return the feedback."""
        return _since(self.folder / FEEDBACK, since)

    def place(self) -> str:
        """Return the folder."""
        return f"the journals in {self.folder}"


def open_records(settings: "Settings", folder: Path | None = None) -> Records:
    """Return the records that the settings name, or the journals in `folder`."""
    if folder is None and settings.langfuse_url:
        from ml.langfuse import open_langfuse

        return open_langfuse(settings)
    return Journals(folder or Path(settings.data_dir))


def attribute(name: str) -> str:
    """Return the span attribute that holds a field of a line: the standard one if there is one."""
    return STANDARD_ATTRIBUTES.get(name, f"codeintel.{name}")


def _since(file: Path, since: datetime | None) -> Iterator[Line]:
    for line in journal.read(file):
        if since is None or _is_since(line, since):
            yield line


def _is_since(line: Line, since: datetime) -> bool:
    try:
        return datetime.fromisoformat(line["time"]) >= since
    except (KeyError, TypeError, ValueError):  # a foreign line
        return False
