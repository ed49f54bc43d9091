"""The records of a running assistant: every question with what was answered from, and what readers thought of it.

One JSON object a line, in files that only their owner may read. Several processes may write at once: a line is one
`write` to a file opened for appending. Secrets in what a reader typed are taken out before.
"""

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ml.errors import RecordError
from rag_service.answer.events import Answer, Citation

if TYPE_CHECKING:
    from ml.index.store.base import Where

AUDIT = "audit.jsonl"
FEEDBACK = "feedback.jsonl"
LONGEST_COMMENT = 4_000


def record_answer(folder: str, answer: Answer, where: "Where", *, complete: bool) -> None:
    """Adds a question to the audit log; `complete` is False where the reader left early. Raises RecordError."""
    about = {
        "id": answer.id,
        "question": _redacted(answer.question),
        "where": asdict(where),
        "citations": [_place(citation) for citation in answer.citations],
        "model": answer.model,
        "timings": {stage: round(seconds, 4) for stage, seconds in answer.timings.items()},
        "found": answer.found,
        "dropped": answer.dropped,
        "notices": list(answer.notices),
        "complete": complete,
    }
    _append(Path(folder) / AUDIT, about)


def record_feedback(folder: str, answer_id: str, verdict: Literal["up", "down"], comment: str = "") -> None:
    """Adds what a reader thought of an answer; a comment is cut at LONGEST_COMMENT characters. Raises RecordError."""
    about = {"id": answer_id, "verdict": verdict, "comment": _redacted(comment[:LONGEST_COMMENT])}
    _append(Path(folder) / FEEDBACK, about)


def _place(citation: Citation) -> str:
    return f"{citation.repo}:{citation.file_path}:{citation.line_start}-{citation.line_end}"


def _redacted(text: str) -> str:
    from ml.index.redact import redact

    return redact("question.txt", text).text if text else ""


def _append(file: Path, about: Mapping[str, Any]) -> None:
    line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **about}, ensure_ascii=False)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(file, f"{line}\n".encode("utf-8", "replace"))
    except OSError as error:
        cure = "make room there, or set data_dir to a folder that can be written"
        raise RecordError(f"{file} can't be written ({error.strerror})", cure) from error


def _write(file: Path, data: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.write(descriptor, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)
