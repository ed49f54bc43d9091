"""The last stage: carry out the gate's decision, or roll back the last promotion, and deploy what is Production."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.errors import EvaluationError
from ml.handover import BASE, CANDIDATE, last_run, production_report, reports_folder

if TYPE_CHECKING:
    from ml.evaluation.report import Report
    from ml.registry.versions import Registry
    from ml.settings import Settings


@dataclass(frozen=True, slots=True)
class PromotionReport:
    """Whether a run's adapter was promoted and why; `version` is its number if it was registered.

    `in_force` is the deployed version, None for the base model alone.
    """

    promoted: bool
    reasons: tuple[str, ...]
    version: int | None
    in_force: int | None
    figures: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def promote_run(settings: "Settings", run: Path | None = None) -> PromotionReport:
    """Register the adapter of a run (by default the last), make it Production if it passes the gate, and deploy.

    Raise EvaluationError if there is no run or no report on it, RegistryError if it was not logged or MLflow is
    unavailable, and what `deploy` raises. A rejection is a result, not an error.
    """
    from ml.registry.logged import run_id_of
    from ml.registry.mlflow_client import tracking_address
    from ml.registry.promotion import submit
    from ml.registry.versions import Registry

    folder = run or last_run(settings)
    if folder is None:
        raise EvaluationError("no adapter has been trained", "train one with `codeintel train`")
    address, reports = tracking_address(settings), reports_folder(settings)
    run_id = run_id_of(folder, address)
    candidate, base = _reports_of(folder, reports)
    registry = Registry(address)
    _add_present(registry, reports)
    outcome = submit(registry, run_id, candidate, base)
    return PromotionReport(
        promoted=outcome.promoted,
        reasons=tuple(outcome.decision.reasons),
        figures=dict(outcome.decision.figures),
        version=outcome.version.number if outcome.version else None,
        in_force=_deploy(registry, settings),
    )


def roll_back(settings: "Settings") -> PromotionReport:
    """Make the previous version Production again and deploy it. Raise RegistryError if there is none."""
    from ml.registry.mlflow_client import tracking_address
    from ml.registry.versions import Registry

    registry = Registry(tracking_address(settings))
    registry.rollback()
    return PromotionReport(promoted=False, reasons=("rolled back",), version=None, in_force=_deploy(registry, settings))


def _deploy(registry: "Registry", settings: "Settings") -> int | None:
    from ml.adapters.deploy import deploy
    from ml.training.base_model import open_base_model

    deployed = deploy(registry, settings, open_base_model(settings.base_model))
    return deployed.version.number if deployed else None


def _reports_of(run: Path, reports: Path) -> "tuple[Report, Report]":
    """Return the reports of a run's adapter and of its base. Raise EvaluationError if they are about another adapter."""
    from ml.evaluation.report import read_report
    from ml.training.base_model import file_digest
    from ml.training.result import ADAPTER, WEIGHTS

    candidate = read_report(reports / CANDIDATE)
    if candidate.adapter != file_digest(run / ADAPTER / WEIGHTS):
        raise EvaluationError(
            f"the report in {reports} is about another adapter than that of {run}",
            f"evaluate it: codeintel evaluate --adapter {run}",
        )
    return candidate, read_report(reports / BASE)


def _add_present(registry: "Registry", reports: Path) -> None:
    """Keep the report of the version in Production, which the candidate has to beat."""
    from ml.evaluation.report import read_report

    present = registry.production()
    if present and (file := production_report(reports, present.number)).is_file():
        registry.add_report(present, read_report(file))
