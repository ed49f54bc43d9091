"""The records of a running assistant: every question with its answer and evidence, and readers' feedback.

They are journals (`ml.journal`) in the data folder. Secrets are redacted first, in every text:
the question, the filter of paths, the answer, the names of files, comments.
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


def audit_entry(run: "Run", *, complete: bool) -> dict[str, Any]:
    """Return an answer's entry for audit log and trace; `complete` is False if the reader left early.

    Every text in it is redacted, including paths and file names, which are untrusted.
    """
    answer = run.answer()
    about = {
        "caller": run.asker.name,
        "question": answer.question,
        "where": asdict(run.asked.where),
        "evidence": [place(source.chunk) for source in run.sources],
        "answer": answer.answer,
        "citations": [place(citation) for citation in answer.citations],
        "model": answer.model,
        "notices": list(answer.notices),
    }
    return {
        "id": answer.id,
        **{name: redact_value(value) for name, value in about.items()},
        "tokens": dict(answer.tokens),
        "timings": {stage: round(seconds, 4) for stage, seconds in answer.timings.items()},
        "found": answer.found,
        "dropped": answer.dropped,
        "complete": complete,
    }


def record_answer(settings: "Settings", about: Mapping[str, Any]) -> None:
    """Append an answer (`audit_entry`) to the audit log; it is on disk when this returns. Raise RecordError."""
    _append(settings, AUDIT, about)


def record_feedback(
    settings: "Settings", answer_id: str, verdict: Literal["up", "down"], comment: str = "", *, caller: str = ""
) -> dict[str, Any]:
    """Append a reader's feedback on an answer and return the entry. Raise RecordError.

    A comment is cut at LONGEST_COMMENT characters.
    """
    about = {
        "id": redact_text(answer_id),
        "caller": redact_text(caller),
        "verdict": verdict,
        "comment": redact_text(comment[:LONGEST_COMMENT]),
    }
    _append(settings, FEEDBACK, about)
    return about


def place(of: Citation | Chunk) -> str:
    """Return `repo:path:start-end`."""
    return f"{of.repo}:{of.file_path}:{of.line_start}-{of.line_end}"


def redact_text(text: str) -> str:
    """Return a free-form text with its secrets redacted."""
    from ml.index.redact import redact

    return redact("", text).text if text else ""


def redact_value(value: Any) -> Any:
    """Return a value with every string in it redacted, at any depth."""
    match value:
        case str():
            return redact_text(value)
        case Mapping():
            return {name: redact_value(inner) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redact_value(inner) for inner in value]
        case _:
            return value


def _append(settings: "Settings", name: str, about: Mapping[str, Any]) -> None:
    file = Path(settings.data_dir) / name
    journal.append(file, about, max_bytes=settings.record_max_bytes, keep=settings.record_files)
