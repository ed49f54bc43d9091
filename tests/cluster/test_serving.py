"""The platform's models and its assistant on real nodes: a rollout without a free slice, scaling by KPA, the loss of a node.

On a cluster of one's own (KUBECONFIG_TEST) INGRESS_TEST=http://… names the ingress, and the image of `python -m
testbed.machines.python_image FILE` has to be on its nodes, which lose their power only if they are ours.
"""

import os
import re
import threading
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.pulumi.names import Priority
from ml.serving.inference import REQUEST_SECONDS
from ml.training.runtime import SLICES
from testbed.codeintel import assistant
from testbed.codeintel.models import (
    AUTOSCALED,
    PRODUCTION,
    SLOTS,
    SPACE,
    Models,
    autoscaled,
    priorities,
    production,
    runtime,
    weights,
)
from testbed.codeintel.serving_cluster import ServingCluster
from testbed.kubernetes.api import Api, Object
from testbed.kubernetes.simulated_nodes import GPU
from testbed.kubernetes.workloads import waits
from testbed.machines.power_switch import PowerSwitch, power_switch
from tests.cluster.conftest import given_kubeconfig
from tests.support.tools import chaos_run, locust
from tests.support.vllm_arguments import composed

QUESTION = "How is an adapter promoted?"


@pytest.fixture(scope="module")
def models(request: pytest.FixtureRequest) -> Models:
    """Yield the models' cluster: ours, or the one that KUBECONFIG_TEST and INGRESS_TEST name."""
    given = given_kubeconfig()
    if given is None:
        cluster: ServingCluster = request.getfixturevalue("serving")
        return cluster.models
    if "INGRESS_TEST" not in os.environ:
        pytest.skip("INGRESS_TEST=http://… names no ingress of the cluster of KUBECONFIG_TEST")
    models = Models(Api(given), os.environ["INGRESS_TEST"])
    models.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
    for thing in (*priorities(), *weights(), runtime()):
        models.api.apply(thing)
    return models


@pytest.fixture(scope="session")  # as its cluster is
def switch(serving: ServingCluster) -> Iterator[PowerSwitch]:
    with power_switch(serving.cluster) as switch:
        yield switch
        serving.stop()  # before the switch: the returned nodes belong to its thread


@pytest.fixture(scope="module")
def assistants(serving: ServingCluster) -> str:
    """Run the production model, and an assistant on each node without a GPU, watched by Prometheus; yield their address."""
    address = serving.bring_assistants()
    serving.models.bring(production())
    return address


def test_the_production_model_has_the_whole_gpu_and_explains(serving: ServingCluster, assistants: str) -> None:
    (pod,) = serving.models.pods(PRODUCTION)
    assert pod["spec"]["tolerations"][0]["key"] == GPU
    assert pod["spec"]["nodeName"] == "gpu"
    assert len(serving.cluster.plugin.allocated[-1]) == SLICES
    answer = assistant.ask(assistants, assistant.key(serving.api), QUESTION)
    assert PRODUCTION in answer["model"], answer["notices"]
    assert answer["citations"]
    assert not answer["notices"]


def test_prometheus_scrapes_what_the_platform_monitors(serving: ServingCluster, assistants: str) -> None:
    ask = serving.prometheus.ask
    assistant.ask(assistants, assistant.key(serving.api), QUESTION)
    seen = serving.api.wait("the model's metrics", lambda: ask("vllm:request_success_total > 0"))
    assert {name.partition("-predictor")[0] for name in seen} == {PRODUCTION}
    assert set(ask("codeintel_index_chunks > 0")) == {"assistant-0", "assistant-1"}
    assert set(ask("collections_total == 2")) == {"qdrant-0"}
    assert set(ask("up").values()) == {1.0}
    assert ask('ALERTS{alertstate="firing"}') == {}


@contextmanager
def reader(url: str, key: str) -> Iterator[tuple[set[str], list[str]]]:
    """Ask continuously; yield the ids of the answers received, and the errors in place of the others."""
    answered, failed, ended = set[str](), list[str](), threading.Event()

    def ask_for_ever() -> None:
        while not ended.wait(0.3):
            try:
                answered.add(assistant.ask(url, key, QUESTION, seconds=15)["id"])
            except (urllib.error.URLError, OSError) as error:
                failed.append(str(error))

    thread = threading.Thread(target=ask_for_ever, name="reader")
    thread.start()
    try:
        yield answered, failed
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("lost", ["gpu", "node-3"])
def test_a_lost_node_loses_no_recorded_answer(
    serving: ServingCluster, switch: PowerSwitch, assistants: str, tmp_path: Path, lost: str
) -> None:
    began = time.monotonic()
    nodes = {"node": lost, "provider": "command", "lose": switch.command("off", lost)}
    with reader(assistants, assistant.key(serving.api)) as (answered, _):
        verdict = experiment("node-lost", serving, assistants, tmp_path, **nodes, give_back=switch.command("on", lost))
    assert "the model explains again" in verdict
    assert answered
    kept = [assistant.audited(node) for node in serving.cluster.nodes if not node.slices]
    assert answered <= set.union(*kept)
    alerts = serving.prometheus.ask(f"max_over_time(ALERTS[{time.monotonic() - began:.0f}s])")
    assert "AssistantAway" not in alerts
    assert lost != "gpu" or "ModelAway" in alerts  # pending: it fires after five minutes
    print(f"{lost} lost: {verdict}; {len(answered)} answers meanwhile")


def test_after_a_restart_of_the_machine_everything_comes_back_by_itself(
    serving: ServingCluster, switch: PowerSwitch, assistants: str, tmp_path: Path
) -> None:
    power = {"provider": "command", "lose": switch.command("off", "gpu"), "give_back": switch.command("on", "gpu")}
    verdict = experiment("machine-restarts", serving, assistants, tmp_path, node="gpu", **power)
    assert "the model explains again" in verdict
    print(f"gpu restarted: {verdict}")


def test_a_killed_model_costs_explanations_and_no_answers(
    serving: ServingCluster, assistants: str, tmp_path: Path
) -> None:
    verdict = experiment("model-pod-killed", serving, assistants, tmp_path, models=SPACE, model=PRODUCTION)
    assert "the model explains again" in verdict
    print(f"model killed: {verdict}")


@pytest.mark.nightly  # the outage of Qdrant is of its kind
def test_an_outage_of_the_object_store_goes_unnoticed(serving: ServingCluster, assistants: str, tmp_path: Path) -> None:
    print(f"object-store-away: {experiment('object-store-away', serving, assistants, tmp_path)}")


def test_answers_name_a_qdrant_that_is_down_for_longer_than_probes_tolerate(
    serving: ServingCluster, assistants: str, tmp_path: Path
) -> None:
    print(f"qdrant-away: {experiment('qdrant-away', serving, assistants, tmp_path, hold='20')}")


def experiment(name: str, serving: ServingCluster, url: str, folder: Path, **variables: str) -> str:
    """Run an experiment on the cluster and return its report's verdict."""
    page = folder / "page.html"
    asked = {"url": url, "api_key": assistant.key(serving.api), "question": QUESTION, "page": str(page)}
    chaos_run(name, folder, {"KUBECONFIG": str(serving.api.kubeconfig)}, 600, **asked, **variables)
    verdict = re.search(r"it held; [^<]* after [\d.]+ s(?=<)", page.read_text())
    assert verdict
    return verdict[0]


def test_a_new_production_model_replaces_the_old_one_for_want_of_a_free_slice(models: Models) -> None:
    changed = production(context_tokens=1024)
    models.bring(production())
    models.api.apply(changed, force=True)  # what Pulumi does not do: see ADR 0011
    new = models.api.wait("a second revision", lambda: [pod for pod in models.pods(PRODUCTION) if _second(pod)])
    assert f"Insufficient {GPU}" in waits(models.api, new[0])
    assert models.ask(PRODUCTION)
    models.take_away(changed)
    models.bring(changed)
    assert models.ask(PRODUCTION)
    (pod,) = models.pods(PRODUCTION)
    assert "--max-model-len=1024" in pod["spec"]["containers"][0]["args"]
    models.take_away(changed)


def _second(pod: Object) -> bool:
    return "-predictor-00002" in pod["metadata"]["name"]


def test_kserve_creates_a_knative_service_for_a_model(models: Models) -> None:
    models.bring(autoscaled())
    place = {"name": f"{AUTOSCALED}-predictor", "namespace": SPACE}
    made = models.api.get({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": place})
    assert made
    template = made["spec"]["template"]
    scaling = {
        name.partition("/")[2]: value
        for name, value in template["metadata"]["annotations"].items()
        if name.startswith("autoscaling.knative.dev/")
    }
    assert scaling == {
        "class": "kpa.autoscaling.knative.dev",
        "metric": "concurrency",
        "target": str(SLOTS),
        "target-utilization-percentage": "100",
        "initial-scale": "0",
        "min-scale": "0",
        "max-scale": str(SLICES),
    }
    assert template["spec"]["timeoutSeconds"] == REQUEST_SECONDS
    assert template["spec"]["containerConcurrency"] == 2 * SLOTS
    (container,) = template["spec"]["containers"]
    assert container["resources"]["limits"][GPU] == "1"
    assert container["args"] == composed(runtime(), autoscaled())
    assert template["spec"]["priorityClassName"] == Priority.AUTOSCALING


def test_pods_come_and_go_with_the_load_while_production_waits(models: Models, tmp_path: Path) -> None:
    models.bring(production())
    models.bring(autoscaled())
    assert models.ask(PRODUCTION)  # a test that nobody uses takes nothing
    page = tmp_path / "kpa.html"
    load = ["--steps", "1,6,1", "--step-seconds", "40", "--wanted-pods", "3", "--tokens", "1", "--only-summary"]
    where = {"KUBECONFIG": str(models.api.kubeconfig)}
    said = locust("kpa_autoscaling", models.address, tmp_path, *load, "--page", str(page), environment=where)
    print(re.findall(r"(?:held|FAILED) .*", said))
    assert said.count("held  ") == 7
    assert "data:image/svg+xml" in page.read_text()
    models.api.wait("production on the card again", lambda: models.ready_pods(PRODUCTION))
    assert models.ask(PRODUCTION)
    for service in (autoscaled(), production()):
        models.take_away(service)
