"""The alerts: Prometheus accepts them, each fires and stays quiet where it should, and each has a runbook."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.dashboards.gpu import CARD
from tests.infra.test_terraform import find_tool, packages
from tests.support.nightly import mostly_nightly

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "platform" / "alerts").glob("*.yaml"))
CARDS = ROOT / "platform" / "alerts" / "gpu.yaml"
RUNBOOKS = ROOT / "docs" / "runbooks.md"
SHOWN = tomllib.loads((Path(__file__).parent / "metrics.toml").read_text())
WORDS = {
    "count",
    "sum",
    "max",
    "min",
    "by",
    "rate",
    "increase",
    "absent",
    "changes",
    "time",
    "and",
    "or",
    "histogram_quantile",
}

__all__ = ["packages"]


def rules(file: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def cases(file: Path) -> list[str]:
    tests = yaml.safe_load((ROOT / "tests" / "infra" / "alerts" / file.name).read_text())["tests"]
    return [test["name"] for test in tests]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_prometheus_accepts_the_rules(file: Path, packages: Path) -> None:
    done = subprocess.run([find_tool("promtool", packages), "check", "rules", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{len(rules(file))} rules found" in done.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_alert_fires_and_stays_quiet_where_it_should(file: Path, packages: Path, tmp_path: Path) -> None:
    text = (ROOT / "tests" / "infra" / "alerts" / file.name).read_text()
    (tmp_path / "cases.yaml").write_text(text.replace("RULES", str(file)))
    command = [str(find_tool("promtool", packages)), "test", "rules", str(tmp_path / "cases.yaml")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_alert_has_both_cases_and_a_runbook(file: Path) -> None:
    sections = re.findall(r"^## (\w+)$", RUNBOOKS.read_text(), re.MULTILINE)
    names = [rule["alert"] for rule in rules(file)]
    assert cases(file) == [f"{name} {case}" for name in names for case in ("fires", "is quiet")]
    for rule in rules(file):
        assert rule["alert"] in sections
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{rule['alert'].lower()}"


def test_no_runbook_is_orphaned() -> None:
    sections = re.findall(r"^## (\w+)$", RUNBOOKS.read_text(), re.MULTILINE)
    assert sections == [
        rule["alert"] for name in ("assistant", "models", "stores", "gpu") for rule in rules(path(name))
    ]


def path(name: str) -> Path:
    return next(file for file in FILES if file.stem == name)


def exported_metrics(folder: Path) -> set[str]:
    """Return the names that the assistant's registry exports, including the figures of `codeintel drift`."""
    from rag_service.http.metrics import Metrics

    shown = Metrics(list, lambda: "model")
    drift = folder / "drift.json"
    figures = {"drifted": False, "population": {"new_share": 0.1, "p": 0.5}, "refused_share": 0.1, "down_share": 0.1}
    drift.write_text(json.dumps(figures))
    shown.watch_drift(drift)
    return set(re.findall(r"^# TYPE (\S+)", shown.text().decode(), re.MULTILINE))


def metric_names(expression: str) -> set[str]:
    """Return the metric names in a PromQL expression."""
    bare = re.sub(r"\$\w+|\b\d+e\d+|\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)|\"[^\"]*\"", "", expression)
    return set(re.findall(r"[a-zA-Z_][\w:]*", bare)) - WORDS


def expressions() -> dict[str, list[str]]:
    """Return the expressions of each file of alerts and each dashboard."""
    found = {file.name: [rule["expr"] for rule in rules(file)] for file in FILES}
    for file in sorted((ROOT / "platform" / "dashboards").glob("*.json")):
        panels = json.loads(file.read_text())["panels"]
        found[file.name] = [target["expr"] for panel in panels for target in panel.get("targets") or ()]
    return found


@pytest.mark.parametrize("name", expressions())
def test_every_metric_is_exported_by_a_component(name: str, tmp_path: Path) -> None:
    known = exported_metrics(tmp_path).union(*(each["names"] for each in SHOWN.values()))
    known |= {f"{each}{end}" for each in known for end in ("_total", "_bucket", "_sum", "_count")}
    for expression in expressions()[name]:
        assert metric_names(expression) <= known, (expression, metric_names(expression) - known)


def labels_of_cards() -> set[str]:
    """Return the labels that alerts group cards by, and that the dashboard's code names them by."""
    texts = [CARDS.read_text(), CARD]
    return {
        label
        for text in texts
        for one in re.findall(r"by \(([^)]*)\)|\$labels\.(\w+)|\{\{(\w+)\}\}", text)
        for label in ",".join(filter(None, one)).replace(" ", "").split(",")
    }


def test_every_label_of_a_card_is_one_that_the_exporter_sets() -> None:
    assert labels_of_cards() == set(SHOWN["dcgm"]["labels"])


def alerts_of(**off: bool) -> set[str]:
    """Return the alerts of a stack without some components."""
    from testbed.pulumi.recorder import recorded

    found = [each.inputs for each in recorded(off).resources.values() if each.inputs.get("kind") == "PrometheusRule"]
    return {rule["alert"] for each in found for group in each["spec"]["groups"] for rule in group["rules"]}


EVERY = [rule for file in FILES for rule in rules(file)]
WATCHED = sorted({rule["labels"]["component"] for rule in EVERY} - {"observability"})


def test_every_alert_is_installed() -> None:
    assert alerts_of() == {rule["alert"] for rule in EVERY}


@pytest.mark.parametrize("name", mostly_nightly(WATCHED, always="models"))
def test_a_disabled_component_has_no_alerts(name: str) -> None:
    from infra.pulumi.settings import Components

    own = {rule["alert"] for rule in EVERY if rule["labels"]["component"] == name}
    assert own
    assert not own & alerts_of(**{Components.model_fields[name].alias or name: False})
