"""`codeintel promote`: the gate's decision carried out, or the last one taken back."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ml.errors import EvaluationError
from rag_service.cli import options, terminal

if TYPE_CHECKING:
    from ml.evaluation.report import Report
    from ml.registry.promotion import Outcome
    from ml.registry.versions import Registry


@click.command(short_help="Put an adapter in force if it is better.")
@click.argument("run", required=False, metavar="[RUN]")
@click.option("--rollback", is_flag=True, help="Back to the adapter before this one, or to the base model.")
@options.json_option
def promote(run: str | None, rollback: bool, as_json: bool) -> None:
    """Register the adapter of RUN, a folder that `train` left, and make it Production if the gate lets it pass.

    By default the run that finished last. The figures are those of `evaluate`. A refusal is a result, not a failure.
    """
    from ml.adapters.candidate import trained_last
    from ml.adapters.deploy import deploy
    from ml.registry.logged import run_id_of
    from ml.registry.mlflow_client import tracking_address
    from ml.registry.promotion import submit
    from ml.registry.versions import Registry
    from ml.training.base_model import open_base_model
    from rag_service.evaluation.files import learning, reports

    settings = options.settings_with()
    address = tracking_address(settings)
    if rollback:
        registry = Registry(address)
        registry.rollback()
        said = {"promoted": False, "reasons": ["rolled back"], "version": None}
    else:
        folder = Path(run) if run else trained_last(learning(settings) / "runs")
        if folder is None:
            raise EvaluationError("no adapter was trained", "make one with `codeintel train`")
        run_id = run_id_of(folder, address)
        candidate, base = reports_of(folder, reports(settings))
        registry = Registry(address)
        add_present(registry, reports(settings))
        said = as_dict(submit(registry, run_id, candidate, base))
    deployed = deploy(registry, settings, open_base_model(settings.base_model))
    said["in_force"] = deployed.version.number if deployed else None
    if as_json:
        terminal.print_json(said)
    else:
        terminal.echo(*summary(said))


def reports_of(run: Path, reports: Path) -> "tuple[Report, Report]":
    """Gives what was measured of a run's adapter and of its base. Raises EvaluationError where it was of another."""
    from ml.evaluation.report import read_report
    from ml.training.base_model import file_digest
    from ml.training.result import WEIGHTS
    from rag_service.evaluation.reports import BASE, CANDIDATE

    candidate = read_report(reports / CANDIDATE)
    if candidate.adapter != file_digest(run / "adapter" / WEIGHTS):
        raise EvaluationError(
            f"the report in {reports} is of another adapter than that of {run}",
            f"measure it: codeintel evaluate --adapter {run}",
        )
    return candidate, read_report(reports / BASE)


def add_present(registry: "Registry", reports: Path) -> None:
    """Keeps what `evaluate` measured of the version that is Production, which the candidate has to beat."""
    from ml.evaluation.report import read_report
    from rag_service.evaluation.reports import production_file

    present = registry.production()
    if present and production_file(reports, present.number).is_file():
        registry.add_report(present, read_report(production_file(reports, present.number)))


def as_dict(outcome: "Outcome") -> dict[str, Any]:
    """Gives an outcome for programs."""
    return {
        "promoted": outcome.promoted,
        "reasons": list(outcome.decision.reasons),
        "figures": dict(outcome.decision.figures),
        "version": outcome.version.number if outcome.version else None,
    }


def summary(said: dict[str, Any]) -> terminal.Line:
    """Return an outcome for a person."""
    word = terminal.style("promoted", fg="green") if said["promoted"] else terminal.style("not promoted", fg="yellow")
    parts: list[terminal.Part] = [word, f": {'; '.join(said['reasons'])}"]
    parts += [f"\n  {name:<22}{figures}" for name, figures in said.get("figures", {}).items()]
    number = said["in_force"]
    return [*parts, f"\nin force: {f'adapter {number}' if number else 'the base model alone'}"]
