"""More than one machine: a Qdrant cluster, its peers, its snapshots, and what the assistant and the pipelines are told."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.pulumi.cluster_check import check_nodes
from infra.pulumi.errors import PlatformError
from infra.pulumi.names import QDRANT
from testbed.kubernetes.api import Object
from testbed.pulumi.recorder import recorded
from testbed.pulumi.state import State
from tests.infra.test_settings import read

PEER = "qdrant-peers.codeintel-data.svc"


@pytest.fixture(scope="module")
def cluster() -> State:
    return recorded(vectors={"nodes": 3, "replicas": 2})


@pytest.fixture(scope="module")
def single() -> State:
    return recorded()


def named(state: State, kind: str, name: str) -> list[Object]:
    """Return the objects of a kind with that name in our namespaces."""
    found = [each.inputs for each in state.resources.values() if each.type.endswith(f":{kind}")]
    return [each for each in found if each["metadata"]["name"] == name]


def server(state: State) -> tuple[Object, Object]:
    """Return the specification of Qdrant's StatefulSet, and that of its container."""
    [found] = named(state, "StatefulSet", QDRANT.name)
    spec: Object = found["spec"]
    return spec, spec["template"]["spec"]["containers"][0]


def variables(container: Object) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in container["env"]}


def test_the_servers_of_a_cluster_have_names_before_they_are_ready(cluster: State) -> None:
    spec, container = server(cluster)
    [peers] = named(cluster, "Service", "qdrant-peers")
    assert (spec["replicas"], spec["serviceName"], spec["podManagementPolicy"]) == (3, "qdrant-peers", "Parallel")
    assert peers["spec"]["clusterIP"] == "None"
    assert peers["spec"]["publishNotReadyAddresses"] is True
    assert peers["spec"]["selector"] == spec["selector"]["matchLabels"]
    assert variables(container)["QDRANT__CLUSTER__ENABLED"] == "true"
    assert {"name": "p2p", "containerPort": 6335} in container["ports"]


@pytest.mark.parametrize(
    ("pod", "arguments"),
    [
        ("qdrant-0", f"--uri http://qdrant-0.{PEER}:6335"),
        ("qdrant-2", f"--uri http://qdrant-2.{PEER}:6335 --bootstrap http://qdrant-0.{PEER}:6335"),
    ],
)
def test_a_server_joins_the_first(cluster: State, tmp_path: Path, pod: str, arguments: str) -> None:
    entrypoint = tmp_path / "entrypoint.sh"
    entrypoint.write_text('#!/bin/sh\necho "$@"\n')
    entrypoint.chmod(0o755)
    command = server(cluster)[1]["command"]
    done = subprocess.run(command, cwd=tmp_path, env={"HOSTNAME": pod}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == arguments


def test_the_loss_of_a_node_takes_one_server(cluster: State) -> None:
    spec, _ = server(cluster)
    [budget] = named(cluster, "PodDisruptionBudget", QDRANT.name)
    assert budget["spec"] == {"maxUnavailable": 1, "selector": spec["selector"]}
    rules = spec["template"]["spec"]["affinity"]["podAntiAffinity"]
    [term] = rules["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    assert term["labelSelector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()


def test_servers_reach_each_other_and_nothing_else(cluster: State) -> None:
    [policy] = named(cluster, "NetworkPolicy", "qdrant-traffic")
    [out] = policy["spec"]["egress"]
    assert [each["port"] for each in out["ports"]] == [6335]
    [to] = out["to"]
    assert to["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "qdrant"}
    assert out["ports"] in [each["ports"] for each in policy["spec"]["ingress"]]


def test_the_assistant_and_the_pipelines_know_shards_and_replicas(cluster: State) -> None:
    [assistant] = named(cluster, "StatefulSet", "assistant")
    told = variables(assistant["spec"]["template"]["spec"]["containers"][0])
    [stages] = named(cluster, "ConfigMap", "codeintel-settings")
    assert (told["CODEINTEL_STORE_SHARDS"], told["CODEINTEL_STORE_REPLICAS"]) == ("3", "2")
    assert (stages["data"]["store-shards"], stages["data"]["store-replicas"]) == ("3", "2")


def test_several_replicas_keep_no_chats_because_they_share_no_volume(single: State) -> None:
    def told(state: State) -> dict[str, Any]:
        [assistant] = named(state, "StatefulSet", "assistant")
        return variables(assistant["spec"]["template"]["spec"]["containers"][0])

    assert told(recorded(assistant={"replicas": 2}))["CODEINTEL_KEEP_CHATS"] == "false"
    assert "CODEINTEL_KEEP_CHATS" not in told(single)


def test_a_snapshot_is_taken_of_every_server(cluster: State, single: State) -> None:
    def asked(state: State) -> str:
        [job] = named(state, "CronJob", "backup-vectors")
        urls = variables(job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0])["QDRANT_URLS"]
        return str(urls)

    assert asked(cluster).split() == [f"http://qdrant-{number}.{PEER}:6333" for number in range(3)]
    assert asked(single) == QDRANT.url


def test_a_single_server_has_nothing_of_a_cluster(single: State) -> None:
    spec, container = server(single)
    assert spec["serviceName"] == QDRANT.name
    assert "command" not in container
    assert "affinity" not in spec["template"]["spec"]
    assert not named(single, "Service", "qdrant-peers") + named(single, "PodDisruptionBudget", QDRANT.name)


def test_more_servers_than_nodes_are_refused_before_anything_waits_for_them() -> None:
    settings = read(vectors={"nodes": 3})
    check_nodes(settings, {"a", "b", "c"})
    with pytest.raises(PlatformError, match=r"codeintel:vectors\.nodes is 3, and the cluster has 2 node\(s\)"):
        check_nodes(settings, {"a", "b"})
