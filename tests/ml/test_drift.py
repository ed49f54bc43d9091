"""Drift: two populations of questions are told apart only if they differ, and each week's answers are counted."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from ml.evaluation.drift import LEAST_QUESTIONS, NEW_LIMIT, P_LIMIT, Period, Population, periods, population_drift
from ml.handover import drift_file
from ml.index.embedder.base import unit
from ml.registry.mlflow_client import experiment_id, open_client
from ml.settings import Settings, get_settings
from ml.training.examples import ABSENT, Example, write_examples
from rag_service.cli import cli
from rag_service.http.metrics import Metrics

CODE = ("orders", "payments", "receipts", "gateways", "retries", "ledgers", "refunds", "carts", "prices", "discounts")
WHAT = ("Where are {} charged?", "What does the function for {} return?", "How are {} tested?", "Who calls {}?")
QUESTIONS = [form.format(word) for word in CODE for form in WHAT]
OTHER = [f"Как приготовить {dish} на {day}?" for dish in ("суп", "борщ", "плов", "пирог") for day in range(10)]


def rows(seed: int, count: int, shift: float = 0.0, axis: int = 0) -> NDArray[np.float32]:
    """Return directions scattered around the first axis, shifted along another by `shift`."""
    found = np.random.default_rng(seed).normal(size=(count, 16))
    found[:, 0] += 5
    found[:, axis] += shift
    return unit(found.astype(np.float32))


def test_the_same_population_does_not_drift() -> None:
    found = [population_drift(rows(seed, 100), rows(seed + 50, 80)) for seed in range(8)]
    assert not any(one.drifted for one in found)
    # Without drift, p is uniform over 0..1 and about a twentieth of the questions looks new.
    assert min(one.p for one in found) > P_LIMIT
    assert max(one.p for one in found) > 0.5
    assert np.mean([one.new_share for one in found]) == pytest.approx(0.05, abs=0.06)


def test_another_population_drifts() -> None:
    found = population_drift(rows(1, 100), rows(2, 80, shift=6.0, axis=1))
    assert found.drifted
    assert found.p == pytest.approx(1 / 1001)
    assert found.new_share > 0.3


def test_a_negligible_difference_is_not_drift() -> None:
    found = population_drift(rows(1, 400), rows(2, 400, shift=0.7, axis=1))
    assert found.p <= P_LIMIT
    assert found.new_share < NEW_LIMIT
    assert not found.drifted
    assert not Population(0.1, 0.5, 0.9).drifted


def test_the_newest_come_first() -> None:
    asked = rows(2, 40)
    asked[7] = -asked[7]
    assert population_drift(rows(1, 100), asked).newest[0] == 7


def test_many_questions_like_evaluated_ones_are_not_new() -> None:
    evaluated = rows(1, 100)
    found = population_drift(evaluated, evaluated[[3] * 50])
    assert found.p <= P_LIMIT
    assert found.new_share == 0.0
    assert not found.drifted


def test_the_order_of_questions_does_not_matter() -> None:
    one, other = population_drift(rows(1, 60), rows(2, 50)), population_drift(rows(1, 60)[::-1], rows(2, 50)[::-1])
    assert one.discrepancy == pytest.approx(other.discrepancy)
    assert one.new_share == other.new_share


def answer_record(number: int, time: str, *, found: bool = True) -> dict[str, Any]:
    return {"time": time, "id": f"a{number}", "question": QUESTIONS[number % 40], "found": found}


def test_answers_are_counted_by_week_and_the_last_verdict_counts() -> None:
    answers = [
        answer_record(1, "2026-11-22T23:59:00+00:00"),  # a Sunday
        answer_record(2, "2026-11-23T00:01:00+00:00", found=False),
        answer_record(3, "2026-11-25T10:00:00+00:00"),
        answer_record(4, "2026-11-29T10:00:00+00:00"),
    ]
    feedback = [
        {"id": "a1", "verdict": "up"},
        {"id": "a3", "verdict": "up"},
        {"id": "a3", "verdict": "down"},
        {"id": "gone", "verdict": "down"},
    ]
    assert periods(answers, feedback) == [
        Period("2026-11-16", answers=1, refused=0, rated=1, down=0),
        Period("2026-11-23", answers=3, refused=1, rated=1, down=1),
    ]
    assert periods([], feedback) == []


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings for a data folder with an evaluation set, which the command line uses too."""
    monkeypatch.setenv("CODEINTEL_DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    folder = tmp_path / "learning" / "dataset"
    folder.mkdir(parents=True)
    examples = [Example(question=question, context="1| x", answer="x") for question in QUESTIONS]
    absent = Example(question=OTHER[0], context="1| x", answer="x", origin=ABSENT)
    write_examples(folder / "held_out.jsonl", [*examples, absent])
    return get_settings()


def ask(settings: Settings, questions: list[str], days_ago: int = 1, *, found: bool = True) -> None:
    time = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat()
    with (Path(settings.data_dir) / "audit.jsonl").open("a") as log:
        for question in questions:
            log.write(json.dumps({"time": time, "id": "x", "question": question, "found": found}) + "\n")


def drift(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(cli, ["drift", "--json", *arguments])
    assert done.exit_code == 0, done.output
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def read_metrics(settings: Settings) -> str:
    """Return the service's metrics."""
    metrics = Metrics(list, str)
    metrics.watch_drift(drift_file(settings))
    return metrics.text().decode()


def test_questions_like_those_evaluated_do_not_drift(settings: Settings) -> None:
    ask(settings, QUESTIONS[::-1])
    ask(settings, OTHER, days_ago=40)  # too long ago
    found = drift()
    assert (found["asked"], found["evaluated"]) == (40, 40)
    assert found["drifted"] is False
    assert found["new"] == []


def test_different_questions_drift_and_are_listed(settings: Settings) -> None:
    ask(settings, QUESTIONS[:20])
    ask(settings, OTHER, found=False)
    found = drift()
    assert found["drifted"] is True
    assert found["new"]
    assert set(found["new"]) <= set(OTHER)
    assert found["refused_share"] == pytest.approx(40 / 60)
    text = CliRunner().invoke(cli, ["drift"]).stdout
    assert text.startswith("drifted: ")
    assert "new: Как приготовить" in text


def test_too_few_questions_yield_no_figure(settings: Settings) -> None:
    ask(settings, QUESTIONS[: LEAST_QUESTIONS - 1])
    found = drift()
    assert found["population"] is None
    assert found["drifted"] is None
    assert found["too_few"] == "29 questions were asked, a figure takes 30"
    assert "no figure for drift: 29 questions" in CliRunner().invoke(cli, ["drift"]).stdout


def test_without_a_local_data_set_the_last_runs_is_used(
    mlflow_server: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the platform, where the pipeline's pods build the pairs and log them to MLflow with the run."""
    client, experiment = open_client(mlflow_server), "drift"
    made = Path(settings.data_dir) / "learning" / "dataset"
    text = (made / "held_out.jsonl").read_text()
    shutil.rmtree(made)
    monkeypatch.setattr("ml.registry.tracking.EXPERIMENT", experiment)
    monkeypatch.setenv("CODEINTEL_MLFLOW_URL", mlflow_server)
    get_settings.cache_clear()
    ask(settings, QUESTIONS)
    assert drift()["too_few"] == "0 questions were evaluated, a figure takes 30"

    def log(held_out: str, status: str) -> None:
        run = client.create_run(experiment_id(client, experiment)).info.run_id
        client.log_text(run, held_out, "dataset/held_out.jsonl")
        client.set_terminated(run, status)

    log('{"question": "old?", "context": "1| x", "answer": "x"}', "FINISHED")
    log(text, "FINISHED")
    log("", "FAILED")
    assert drift()["drifted"] is False
    assert "codeintel_drift_detected 0.0" in read_metrics(settings)

    ask(settings, OTHER * 3)
    assert drift()["drifted"] is True
    assert "codeintel_drift_detected 1.0" in read_metrics(settings)


def test_an_unreachable_mlflow_server_is_reported(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(Path(settings.data_dir) / "learning" / "dataset")
    monkeypatch.setenv("CODEINTEL_MLFLOW_URL", "http://127.0.0.1:9")
    get_settings.cache_clear()
    done = CliRunner().invoke(cli, ["drift"])
    assert "MLflow at http://127.0.0.1:9 does not answer" in str(done.exception)


def test_a_folder_without_any_record_is_no_error(settings: Settings) -> None:
    assert drift()["asked"] == 0


def test_foreign_lines_are_skipped(settings: Settings) -> None:
    ask(settings, QUESTIONS)
    with (Path(settings.data_dir) / "audit.jsonl").open("a") as log:
        log.write('{"time": "soon", "question": "?"}\n{"question": "no time"}\n["a list"]\nno JSON\n')
    assert drift()["asked"] == 40


def test_the_service_exports_the_last_figures(settings: Settings) -> None:
    assert "codeintel_drift" not in read_metrics(settings)
    ask(settings, QUESTIONS[:20])
    ask(settings, OTHER, found=False)
    drift()
    text = read_metrics(settings)
    assert "codeintel_drift_detected 1.0" in text
    assert "codeintel_drift_refused_share 0.66" in text
    assert "codeintel_drift_down_share" not in text  # nothing was rated
    assert "codeintel_drift_measured_timestamp_seconds" in text
