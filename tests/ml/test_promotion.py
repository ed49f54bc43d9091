"""Register, promote, roll back against a real MLflow server; two candidates at once; kills at the wrong moment."""

import multiprocessing
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from ml.errors import RegistryError
from ml.evaluation.report import JudgeVerdict, Metric, Report
from ml.registry.ledger import Entry, write_entry
from ml.registry.mlflow_client import experiment_id, open_client, tracking_address
from ml.registry.promotion import Outcome, promote, submit
from ml.registry.versions import PRODUCTION, Registry, Version
from ml.settings import Settings


def report(keys: float, dataset: str = "d" * 64) -> Report:
    """Return a report with both key metrics at a mean, ± 0.01."""
    names = {"faithfulness": keys, "answer_relevancy": keys, "citation_precision": 0.9}
    metrics = tuple(
        Metric(name, mean, mean - 0.01, mean + 0.01, 50, judged=name != "citation_precision")
        for name, mean in names.items()
    )
    return Report(f"at {keys}", dataset, metrics, JudgeVerdict("judge", True))


BASE = report(0.6)


def trained_run(address: str, folder: Path) -> str:
    """Log a run with an adapter folder and return its id."""
    client = open_client(address)
    run_id: str = client.create_run(experiment_id(client, "test")).info.run_id
    (folder / "adapter").mkdir(exist_ok=True)
    (folder / "adapter" / "adapter_config.json").write_text(run_id)
    client.log_artifacts(run_id, str(folder / "adapter"), "adapter")
    return run_id


@pytest.fixture
def registry(mlflow_server: str, request: pytest.FixtureRequest) -> Registry:
    return Registry(mlflow_server, request.node.name)


@pytest.fixture
def run_id(mlflow_server: str, tmp_path: Path) -> str:
    return trained_run(mlflow_server, tmp_path)


def tags_of(registry: Registry, version: Version | None) -> dict[str, str]:
    assert version
    return registry.version(version.number).tags


def test_better_adapters_become_production_and_can_be_rolled_back(
    registry: Registry, mlflow_server: str, tmp_path: Path
) -> None:
    assert registry.production() is None
    runs = [trained_run(mlflow_server, tmp_path) for _ in range(4)]
    outcomes = [
        submit(registry, run, report(mean), BASE) for run, mean in zip(runs, (0.5, 0.75, 0.76, 0.9), strict=True)
    ]
    assert [outcome.version and outcome.version.number for outcome in outcomes] == [None, 1, 2, 3]
    assert [outcome.promoted for outcome in outcomes] == [False, True, False, True]

    production = registry.production()
    assert production == outcomes[3].version
    assert PRODUCTION in tags_of(registry, production)
    assert PRODUCTION not in tags_of(registry, outcomes[1].version)
    assert production
    assert (registry.download(production, tmp_path / "down") / "adapter_config.json").read_text() == runs[3]

    assert registry.rollback() == outcomes[1].version
    assert PRODUCTION in tags_of(registry, outcomes[1].version)
    assert PRODUCTION not in tags_of(registry, outcomes[3].version)
    assert registry.rollback() is None
    assert registry.production() is None
    with pytest.raises(RegistryError, match="nothing to roll back"):
        registry.rollback()
    assert [entry.version for entry in registry.history()] == [1, 3, 1, 0]
    assert submit(registry, runs[1], report(0.75), BASE).promoted


def test_each_decision_is_recorded_with_its_figures(registry: Registry, mlflow_server: str, run_id: str) -> None:
    refused = submit(registry, run_id, report(0.71), report(0.705))
    tags = tags_of(registry, refused.version)
    assert tags["decision"] == "refused"
    assert tags["decision.against"] == "the base model"
    assert "not better beyond noise" in tags["decision.reason"]
    assert tags["decision.faithfulness"] == "0.710 [0.700, 0.720] n=50 against 0.705 [0.695, 0.715] n=50"
    files = {file.path for file in open_client(mlflow_server).list_artifacts(run_id, "decisions")}
    assert files == {"decisions/000000-version-1.json"}

    assert submit(registry, run_id, report(0.9), BASE).promoted
    assert tags_of(registry, refused.version)["decision"] == "promoted"


def test_production_must_be_measured_on_the_same_data(registry: Registry, mlflow_server: str, tmp_path: Path) -> None:
    first, second = trained_run(mlflow_server, tmp_path), trained_run(mlflow_server, tmp_path)
    production = submit(registry, first, report(0.75), BASE).version
    newer = report(0.9, "e" * 64)
    outcome = submit(registry, second, newer, replace(BASE, dataset_digest="e" * 64))
    assert not outcome.promoted
    assert "was not measured on this data set" in outcome.decision.reasons[0]
    assert production
    assert outcome.version
    registry.add_report(production, report(0.8, "e" * 64))
    assert promote(registry, outcome.version, newer, BASE).promoted


class Meeting(Registry):
    """A registry whose first change waits until another process is about to make one as well."""

    barrier: Barrier | None = None

    def succeed(self, after: int, version: Version) -> bool:
        barrier, self.barrier = self.barrier, None
        if barrier:
            barrier.wait(120)
        return super().succeed(after, version)


def race(
    address: str, name: str, run_id: str, mean: float, barrier: Barrier, outcomes: "multiprocessing.Queue[Outcome]"
) -> None:
    registry = Meeting(address, name)
    registry.barrier = barrier
    outcomes.put(submit(registry, run_id, report(mean), BASE))


@pytest.mark.parametrize("means", [(0.8, 0.8), (0.9, 0.75)])
def test_one_of_two_concurrent_promotions_wins(
    means: tuple[float, float], mlflow_server: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    name, context = request.node.name.replace("/", "-"), multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(2), context.Queue()
    runs = [trained_run(mlflow_server, tmp_path) for _ in means]
    processes = [
        context.Process(target=race, args=(mlflow_server, name, run, mean, barrier, queue))
        for run, mean in zip(runs, means, strict=True)
    ]
    for process in processes:
        process.start()
    outcomes = [queue.get(timeout=200) for _ in processes]
    for process in processes:
        process.join()

    registry = Registry(mlflow_server, name)
    history, production = registry.history(), registry.production()
    # The first to write wins over the base model; the other is compared again, with the winner.
    winners = [outcome for outcome in outcomes if outcome.promoted]
    assert len(history) == len(winners)
    assert production
    assert production.number == history[-1].version
    if means[0] == means[1]:
        assert len(winners) == 1
        (loser,) = [outcome for outcome in outcomes if not outcome.promoted]
        assert "not better beyond noise" in loser.decision.reasons[0]
        assert tags_of(registry, loser.version)["decision.against"] == f"version {production.number}"
    else:
        assert production.run_id == runs[0]
    holders = [number for number in (1, 2) if PRODUCTION in registry.version(number).tags]
    assert holders == [production.number]


def test_a_kill_between_ledger_and_alias_is_repaired(registry: Registry, mlflow_server: str, run_id: str) -> None:
    version = registry.register(run_id)
    assert write_entry(registry._client, registry._ledger, Entry(1, version.number))
    assert registry.production() is None  # until then the old one is served, not half of the new one
    registry.settle()
    assert registry.production() == version
    assert PRODUCTION in tags_of(registry, version)


def test_a_kill_between_register_and_promote_is_repaired(registry: Registry, run_id: str) -> None:
    version = registry.register(run_id)
    outcome = submit(registry, run_id, report(0.9), BASE)
    assert outcome.promoted
    assert outcome.version == version
    assert submit(registry, run_id, report(0.9), BASE).promoted
    assert [entry.version for entry in registry.history()] == [version.number]


def test_a_model_of_somebody_else_is_left_alone(mlflow_server: str) -> None:
    open_client(mlflow_server).create_registered_model("somebody-elses")
    with pytest.raises(RegistryError, match="created by something else"):
        Registry(mlflow_server, "somebody-elses")


def test_an_unreachable_registry_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError, match=r"does not answer: start it or set mlflow_url"):
        Registry("http://127.0.0.1:9")


def test_a_file_replaces_the_server(tmp_path: Path) -> None:
    address = tracking_address(Settings(data_dir=str(tmp_path)))
    assert address == f"sqlite:///{tmp_path}/mlflow.db"
    registry = Registry(address)
    assert registry.production() is None
    assert registry.history() == []
    assert (tmp_path / "mlflow.db").is_file()
