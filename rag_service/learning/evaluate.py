"""The fourth stage: evaluate an adapter and what is deployed on the held-out questions."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.handover import PAGE, dataset_folder, reports_folder

if TYPE_CHECKING:
    from ml.evaluation.evaluate import Progress
    from ml.evaluation.report import Report
    from ml.settings import Settings
    from rag_service.evaluation.measuring import Measured

QUESTIONS = 100


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """The results, and the HTML page that shows them."""

    measured: "Measured"
    page: Path

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values, without the cases, which are in the report files."""
        measured, decision = self.measured, self.measured.decision
        return {
            "model": measured.report.model,
            "adapter": measured.report.adapter,
            "dataset_digest": measured.report.dataset_digest,
            "metrics": _metrics(measured.report),
            "against": {"model": measured.against.model, "metrics": _metrics(measured.against)}
            if measured.against
            else None,
            "judge": asdict(measured.report.judge) if measured.report.judge else None,
            "decision": {"passed": decision.passed, "reasons": decision.reasons} if decision else None,
            "report": str(self.page),
        }


def evaluate_adapter(
    settings: "Settings",
    adapter: Path | None,
    dataset: Path | None = None,
    questions: int = QUESTIONS,
    page: Path | None = None,
    progress: "Progress | None" = None,
) -> EvaluationReport:
    """Evaluate the base model and, if given, an adapter and the one in Production; write the reports.

    Raise what `measure` and `write_reports` raise, and DatasetError if there are no held-out questions.
    """
    from ml.training.examples import HELD_OUT, read_examples
    from rag_service.evaluation.measuring import measure, sample
    from rag_service.evaluation.reports import write_reports

    examples = sample(read_examples((dataset or dataset_folder(settings)) / HELD_OUT), questions)
    measured = measure(settings, examples, adapter, progress)
    place = page or reports_folder(settings) / PAGE
    write_reports(measured, reports_folder(settings), place, settings)
    return EvaluationReport(measured, place)


def _metrics(report: "Report") -> dict[str, Any]:
    return {metric.name: asdict(metric) for metric in report.metrics}
