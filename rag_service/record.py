"""The records of a running assistant: every question with what was answered from, and what readers thought of it.

Journals (`ml.journal`) in the data folder. Secrets in what a reader typed, or an LLM repeated, are taken out before.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ml import journal
from ml.index.chunk import Chunk
from ml.records import AUDIT, FEEDBACK
from rag_service.answer.events import Citation

if TYPE_CHECKING:
    from ml.settings import Settings
    from rag_service.answer.run import Run

LONGEST_COMMENT = 4_000


def about_answer(run: "Run", *, complete: bool) -> dict[str, Any]:
    """Gives what the audit log and the trace hold of an answer; `complete` is False where the reader left early."""
    answer = run.answer()
    return {
        "id": answer.id,
        "caller": run.asker.name,
        "question": redacted(answer.question),
        "where": asdict(run.asked.where),
        "evidence": [place(source.chunk) for source in run.sources],
        "answer": redacted(answer.answer),
        "citations": [place(citation) for citation in answer.citations],
        "model": answer.model,
        "tokens": dict(answer.tokens),
        "timings": {stage: round(seconds, 4) for stage, seconds in answer.timings.items()},
        "found": answer.found,
        "dropped": answer.dropped,
        "notices": list(answer.notices),
        "complete": complete,
    }


def record_answer(settings: "Settings", about: Mapping[str, Any]) -> None:
    """Adds an answer (`about_answer`) to the audit log; it is on the disk when this returns. Raises RecordError."""
    _append(settings, AUDIT, about)


def record_feedback(
    settings: "Settings", answer_id: str, verdict: Literal["up", "down"], comment: str = "", *, caller: str = ""
) -> dict[str, Any]:
    """Adds what a reader thought of an answer, and gives what was added. Raises RecordError.

    A comment is cut at LONGEST_COMMENT characters.
    """
    about = {"id": answer_id, "caller": caller, "verdict": verdict, "comment": redacted(comment[:LONGEST_COMMENT])}
    _append(settings, FEEDBACK, about)
    return about


def place(of: Citation | Chunk) -> str:
    """Gives `repo:path:start-end`."""
    return f"{of.repo}:{of.file_path}:{of.line_start}-{of.line_end}"


def redacted(text: str) -> str:
    """Gives a text without the secrets in it."""
    from ml.index.redact import redact

    return redact("question.txt", text).text if text else ""


def _append(settings: "Settings", name: str, about: Mapping[str, Any]) -> None:
    file = Path(settings.data_dir) / name
    journal.append(file, about, max_bytes=settings.record_max_bytes, keep=settings.record_files)
