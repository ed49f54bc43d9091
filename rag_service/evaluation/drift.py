"""Compare recent questions with the evaluation set, and count ratings of the answers."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.errors import EvaluationError
from ml.evaluation.drift import MOST_QUESTIONS, Drift, measure_drift, periods
from ml.handover import drift_file
from ml.private import private_folder
from ml.records import open_records
from rag_service.evaluation.evaluated import held_out

if TYPE_CHECKING:
    from ml.evaluation.drift import Rows
    from ml.settings import Settings


def drift(settings: "Settings", dataset: Path | None, days: int) -> Drift:
    """Measure the drift of the questions of the last `days` days (at most MOST_QUESTIONS) and store it for the metrics.

    Raise what `held_out` raises, RecordError if the records can't be read, EmbedderError, and EvaluationError if the
    data folder can't be written.
    """
    now = datetime.now(UTC)
    records, since = open_records(settings), now - timedelta(days=days)
    answers = list(records.answers(since=since))
    weeks = periods(answers, records.feedback(since=since))
    asked = [str(line["question"]) for line in answers][-MOST_QUESTIONS:]
    examples = held_out(settings, dataset)
    evaluated = list(dict.fromkeys(example.question for example in examples if not example.absent))[:MOST_QUESTIONS]
    made = now.isoformat(timespec="seconds")
    found = measure_drift(made, _embedded(settings, evaluated), _embedded(settings, asked), asked, weeks)
    _keep(drift_file(settings), found.as_dict())
    return found


def _embedded(settings: "Settings", questions: Sequence[str]) -> "Rows":
    """Embed questions as the search does, Russian ones in translation."""
    import numpy as np

    from ml.index.embedder import open_embedder
    from rag_service.retrieve.glossary import load_glossary
    from rag_service.retrieve.question import understand

    embedder, glossary = open_embedder(settings), load_glossary(settings.glossary)
    rows = [embedder.query(understand(question, glossary).english) for question in questions]
    return np.stack(rows) if rows else np.zeros((0, embedder.dimension), dtype=np.float32)


def _keep(file: Path, figures: dict[str, Any]) -> None:
    try:
        private_folder(file.parent)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(figures, ensure_ascii=False, indent=1), encoding="utf-8")
        part.replace(file)
    except OSError as error:
        raise EvaluationError(
            f"{file} can't be written ({error.strerror})", "free some space there, or set data_dir"
        ) from error
