"""`pulumi up` on a new cluster: the whole platform by Pulumi's own engine and provider, from the real charts.

One node like the one that Terraform makes takes every pod. A gate waits here as it does anywhere: its kubectl runs.
"""

import base64

import pytest
from pydantic.alias_generators import to_camel

from infra.policy import rules
from infra.policy.accepted import ACCEPTED, source_of
from infra.pulumi.components.pipelines import READERS
from infra.pulumi.settings import Components
from infra.pulumi.versions import FILE, versions
from testbed.codeintel.install_cluster import troubles
from testbed.errors import ClusterError
from testbed.pulumi.mirror import at_version
from testbed.pulumi.rendered import stack_config
from tests.cluster.install.conftest import ASSISTANT, CHART, Installed
from tests.support.nightly import mostly_nightly

COMPONENTS = mostly_nightly(map(to_camel, Components.model_fields), always="mlflow")


def test_all_of_it_goes_up_as_the_preview_said(installed: Installed) -> None:
    assert installed.first.counts.keys() == {"create"}
    assert installed.foreseen.counts.keys() == {"create"}
    assert not installed.first.messages.get("error")


def test_every_pod_is_admitted_and_has_a_node(installed: Installed) -> None:
    assert troubles(installed.api) == []


def test_every_object_has_the_provider_that_the_stack_names(installed: Installed) -> None:
    ours = [each for each in installed.stack.resources if each["type"].startswith("kubernetes:") and each["custom"]]
    assert {each["provider"].split("::")[-2] for each in ours} == {"cluster"}


def test_the_outputs_say_where_everything_is(installed: Installed) -> None:
    named = {"assistant", "langfuse", "grafana", "mlflow", "pipelines", "qdrant", "slices"}
    assert installed.stack.outputs.keys() == named


def test_no_password_is_in_the_state(installed: Installed) -> None:
    password = base64.b64decode(installed.live("Secret", "qdrant")["data"]["api-key"]).decode()
    assert password not in installed.stack.file.read_text()


def test_the_policy_pack_accepts_it_and_nothing_is_accepted_in_vain(installed: Installed) -> None:
    """The pack's rules, over what the engine shows it; the engine itself needs a language plugin to start the pack."""
    shown = [each for each in installed.stack.resources if each["type"].startswith("kubernetes:")]
    broken = {
        (source_of(each["urn"]), rule.__name__)
        for each in shown
        for rule in rules.OF_OBJECTS
        if any(rule(each.get("inputs", {})))
    }
    assert broken == ACCEPTED.keys()
    assert [*rules.every_namespace_denies([each.get("inputs", {}) for each in shown])] == []


def test_a_second_run_changes_nothing(installed: Installed) -> None:
    assert installed.stack.up().changes == []


def test_nothing_drifts(installed: Installed) -> None:
    assert installed.stack.refresh().changes == []


def test_a_changed_setting_changes_what_it_names(installed: Installed) -> None:
    installed.configure(assistant={**ASSISTANT, "cpu": "1500m"})
    try:
        changes = {(step.name, step.operation) for step in installed.stack.up().changes}
    finally:
        installed.configure()
        installed.stack.up()
    assert changes == {("assistant", "update")}


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_that_is_turned_off_would_be_deleted(installed: Installed, component: str) -> None:
    """Or, where it holds data, the preview refuses."""
    installed.configure(components={**stack_config("gpu")["codeintel:components"], component: False})
    try:
        said = {step.operation for step in installed.stack.preview().changes}
    except ClusterError as error:
        said = {"delete"} if "cannot be deleted" in str(error) else {str(error)}
    finally:
        installed.configure()
    assert "delete" in said


@pytest.mark.nightly
def test_another_word_replaces_passwords_and_restarts_their_readers(installed: Installed) -> None:
    installed.configure(rotation=dict.fromkeys(("qdrant", "pipelines", "postgres"), "another"))
    changes = {(step.name.rpartition("/")[2], step.operation) for step in installed.stack.up().changes}
    restarted = {name for name, operation in changes if operation == "update"}
    assert {"qdrant", "assistant", "postgres", "mlflow", "langfuse", *READERS} <= restarted
    assert ("codeintel-data-qdrant-api-key", "replace") in changes
    assert "object-store" not in restarted
    assert installed.stack.up().changes == []


def test_a_chart_is_upgraded_from_its_previous_version(installed: Installed) -> None:
    with at_version(installed.mirror, CHART, versions(FILE).charts[CHART].version):
        changes = [(step.name, step.operation) for step in installed.stack.up().changes]
        assert troubles(installed.api) == []
    installed.stack.up()
    assert changes == [(CHART, "update")]
