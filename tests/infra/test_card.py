"""Who gets the card, and when: priority classes, and the window for trainings."""

from itertools import pairwise

import pytest

from infra.pulumi.components.card import PRIORITIES
from infra.pulumi.names import Priority
from testbed.kubernetes.api import Object
from testbed.pulumi.recorder import recorded
from testbed.pulumi.state import State

WINDOW = {"opens": "01:05", "closes": "05:00", "timeZone": "Europe/Moscow"}


def objects(state: State, kind: str) -> dict[tuple[str, str], Object]:
    """Return the objects of a kind by namespace and name."""
    found = [each.inputs for each in state.resources.values() if each.inputs.get("kind") == kind]
    return {(each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in found}


def test_the_cards_users_are_ranked_and_never_push_out_a_store() -> None:
    ranked = [PRIORITIES[each] for each in (Priority.TRAINING, Priority.AUTOSCALING, Priority.PRODUCTION)]
    assert all(higher > lower for higher, lower in pairwise(ranked))
    assert max(ranked) == 0  # the default; and JobSet labels a training's pod with it, which rules out a minus
    assert min(ranked) > -10  # what cluster-autoscaler counts as expendable
    classes = objects(recorded(), "PriorityClass")
    assert {name: each["value"] for (_, name), each in classes.items()} == PRIORITIES


def test_every_user_of_the_card_has_its_class_and_without_a_card_none() -> None:
    def classes(state: State) -> dict[str, str | None]:
        pods = {name: each["spec"]["predictor"] for (_, name), each in objects(state, "InferenceService").items()}
        for (_, name), runtime in objects(state, "TrainingRuntime").items():
            (job,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
            pods[name] = job["template"]["spec"]["template"]["spec"]
        return {name: pod.get("priorityClassName") for name, pod in pods.items()}

    users = {
        "code-assistant": Priority.PRODUCTION,
        "autoscaling-test": Priority.AUTOSCALING,
        "codeintel-lora": Priority.TRAINING,
    }
    assert classes(recorded()) == users
    small = recorded({"gpuNode": False, "devicePlugin": False})
    assert classes(small) == dict.fromkeys(users)
    assert not objects(small, "PriorityClass")
    assert not objects(small, "ResourceQuota")


def test_without_a_window_trainings_start_and_a_command_can_stop_them() -> None:
    state = recorded()
    quotas = objects(state, "ResourceQuota")
    assert {space for space, _ in quotas} == {"codeintel", "kubeflow"}
    assert {each["spec"]["hard"]["pods"] for each in quotas.values()} == {"100"}
    jobs = objects(state, "CronJob")
    assert all(jobs["codeintel", f"training-{turn}"]["spec"]["suspend"] is True for turn in ("open", "close"))


def test_a_window_is_closed_until_its_job_opens_it() -> None:
    state = recorded(gpu={"window": WINDOW})
    assert {each["spec"]["hard"]["pods"] for each in objects(state, "ResourceQuota").values()} == {"0"}
    for turn, schedule, pods in (("open", "5 1 * * *", "100"), ("close", "0 5 * * *", "0")):
        spec = objects(state, "CronJob")["codeintel", f"training-{turn}"]["spec"]
        assert (spec["schedule"], spec["timeZone"], spec.get("suspend")) == (schedule, "Europe/Moscow", None)
        containers = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        patches = {each["args"][3]: each["args"][-1] for each in containers}
        assert patches.keys() == {"--namespace=codeintel", "--namespace=kubeflow"}
        assert set(patches.values()) == {f'--patch={{"spec": {{"hard": {{"pods": "{pods}"}}}}}}'}


@pytest.mark.parametrize(("pipelines", "spaces"), [(True, {"codeintel", "kubeflow"}), (False, {"codeintel"})])
def test_only_namespaces_of_trainings_have_a_quota(pipelines: bool, spaces: set[str]) -> None:
    assert {space for space, _ in objects(recorded({"pipelines": pipelines}), "ResourceQuota")} == spaces
