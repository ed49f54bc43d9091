"""`pulumi up` on a new cluster: the whole platform by Pulumi's own engine and provider, from the real charts.

One node like the one that Terraform makes takes every pod. A gate waits here as it does anywhere: its kubectl runs.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.policy import rules
from infra.policy.accepted import ACCEPTED, source_of
from infra.pulumi.components.pipelines import READERS
from infra.pulumi.versions import FILE, versions
from testbed.codeintel.checks import Keys, everything
from testbed.codeintel.install_cluster import install_cluster, troubles
from testbed.errors import ClusterError
from testbed.kubernetes.api import Api
from testbed.pulumi.engine import Run, Stack
from testbed.pulumi.mirror import at_version, locked_by
from testbed.pulumi.rendered import stack_config
from tests.cluster.conftest import given_kubeconfig, run_of
from tests.support.mirror import needed_mirror

CHART, PREVIOUS = "cert-manager", "v1.20.0"


@dataclass
class Installed:
    """The stack `gpu` on a cluster of its own, with one chart at its previous version."""

    api: Api
    stack: Stack
    mirror: Path
    before: Keys
    foreseen: Run
    first: Run

    def configure(self, **sections: Any) -> None:
        """Write the settings of the stack `gpu`, with some sections changed."""
        changed = {f"codeintel:{name}": section for name, section in sections.items()}
        self.stack.configure({**stack_config("gpu"), "codeintel:mirror": {"folder": str(self.mirror)}, **changed})


@pytest.fixture(scope="module")
def installed(request: pytest.FixtureRequest) -> Iterator[Installed]:
    if given_kubeconfig():
        pytest.skip("the platform is installed only on a cluster that was started here, without KUBECONFIG_TEST")
    with (
        needed_mirror() as mirror,
        locked_by(mirror),
        run_of(request.session) as folder,
        install_cluster(folder) as api,
    ):
        stack = Stack(folder / "stack", api.kubeconfig)
        made = Installed(api, stack, mirror, everything(api), Run(), Run())
        made.configure()
        with at_version(mirror, CHART, PREVIOUS):
            made.foreseen, made.first = stack.preview(), stack.up()
            yield made


def test_all_of_it_goes_up_as_the_preview_said(installed: Installed) -> None:
    assert installed.first.counts.keys() == {"create"}
    assert installed.foreseen.counts.keys() == {"create"}
    assert not installed.first.messages.get("error")


def test_every_pod_is_admitted_and_has_a_node(installed: Installed) -> None:
    assert troubles(installed.api) == []


def test_the_outputs_say_where_everything_is(installed: Installed) -> None:
    named = {"assistant", "langfuse", "grafana", "mlflow", "pipelines", "qdrant", "slices"}
    assert installed.stack.outputs.keys() == named


def test_no_password_is_in_the_state(installed: Installed) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "qdrant", "namespace": "codeintel-data"}}
    password = base64.b64decode((installed.api.get(secret) or {})["data"]["api-key"]).decode()
    assert password not in installed.stack.file.read_text()


def test_the_policy_pack_accepts_it_and_nothing_is_accepted_in_vain(installed: Installed) -> None:
    """The pack's rules, over what the engine shows it; the engine itself needs a language plugin to start the pack."""
    shown = [each for each in installed.stack.resources if each["type"].startswith("kubernetes:")]
    broken = {
        (source_of(each["urn"]), rule.__name__)
        for each in shown
        for rule in rules.OF_OBJECTS
        if any(rule(each["inputs"]))
    }
    assert broken == ACCEPTED.keys()
    assert [*rules.every_namespace_denies([each["inputs"] for each in shown])] == []


def test_a_second_run_changes_nothing(installed: Installed) -> None:
    assert installed.stack.up().changes == []


def test_nothing_drifts(installed: Installed) -> None:
    assert installed.stack.refresh().changes == []
    assert installed.stack.up().changes == []


def test_a_changed_setting_changes_what_it_names(installed: Installed) -> None:
    installed.configure(assistant={"cpu": "1500m"})
    try:
        assert {(step.name, step.operation) for step in installed.stack.up().changes} == {("assistant", "update")}
    finally:
        installed.configure()
        installed.stack.up()


def test_a_chart_is_upgraded_from_its_previous_version(installed: Installed) -> None:
    with at_version(installed.mirror, CHART, versions(FILE).charts[CHART].version):
        assert [(step.name, step.operation) for step in installed.stack.up().changes] == [(CHART, "update")]
    assert troubles(installed.api) == []
    installed.stack.up()


def test_another_word_replaces_passwords_and_restarts_their_readers(installed: Installed) -> None:
    installed.configure(rotation={"qdrant": "another", "pipelines": "another"})
    changed = {step.name.rpartition("/")[2]: step.operation for step in installed.stack.up().changes}
    restarted = {name for name, operation in changed.items() if operation == "update"}
    assert {"qdrant", "assistant", *READERS} <= restarted
    assert changed["codeintel-data-qdrant-api-key"] == "replace"
    assert not {"postgres", "mlflow"} & changed.keys()
    assert installed.stack.up().changes == []


def test_what_holds_data_is_deleted_only_once_the_setting_allows_it(installed: Installed) -> None:
    with pytest.raises(ClusterError, match="protected"):
        installed.stack.destroy()
    installed.configure(protect=False)
    assert {step.operation for step in installed.stack.up().changes} <= {"update", "same", "replace"}


def test_a_destroy_leaves_nothing(installed: Installed) -> None:
    run = installed.stack.destroy()
    assert run.counts.keys() == {"delete"}
    assert everything(installed.api) - installed.before == set()
