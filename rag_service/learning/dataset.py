"""The second stage: generate question-answer pairs from the index."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml.handover import dataset_folder

if TYPE_CHECKING:
    from ml.dataset.make import DatasetReport, Progress
    from ml.settings import Settings


@dataclass(frozen=True, slots=True)
class DatasetRequest:
    """How many pairs to generate, from which repositories (default: all), and the output folder.

    `by_hand` is a file of further pairs, `feedback` a folder of rated answers; the default `form` depends on base_model.
    """

    output: Path | None = None
    size: int = 300
    seed: int = 7
    repos: tuple[str, ...] = ()
    by_hand: Path | None = None
    form: str | None = None
    feedback: Path | None = None
    paraphrase: bool = False


def make_pairs(settings: "Settings", request: DatasetRequest, progress: "Progress | None" = None) -> "DatasetReport":
    """Generate the pairs and return the report. Raise what `make_dataset` raises, SettingsError and ModelError."""
    from ml.dataset.make import Plan, make_dataset
    from ml.records import open_records
    from rag_service.answer.generated.teaching import form_for, paraphraser
    from rag_service.retrieve import open_retriever

    records = open_records(settings, request.feedback)
    plan = Plan(request.size, request.seed, request.repos, request.by_hand, records)
    retriever = open_retriever(settings)
    with closing(retriever.store):
        return make_dataset(
            retriever.store,
            form_for(retriever, settings, request.form),
            request.output or dataset_folder(settings),
            plan,
            paraphrase=paraphraser(settings) if request.paraphrase else None,
            progress=progress,
        )
