"""Everything that `pulumi up` would create, judged without a cluster: what names something names something that exists."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.pulumi.names import GPU, GPU_NODE_LABELS, GRAFANA, GRAFANA_ADMIN, LANGFUSE, RUNTIME_CLASS, Namespace
from infra.pulumi.settings import in_bytes
from infra.pulumi.versions import versions
from testbed.codeintel.node_size import SYSTEM, terraform_node
from testbed.errors import ClusterError
from testbed.kubernetes.api import Object
from testbed.pulumi.images import images
from testbed.pulumi.mirror import STAND_INS
from testbed.pulumi.pods import RenderedPod, pods
from testbed.pulumi.quantities import Resources, largest, requested
from testbed.pulumi.rendered import Rendered, Renderer, Rendering, passed, stack_config, template_of
from testbed.pulumi.state import Resource
from tests.infra.test_terraform import AGENT, SERVER, documents
from tests.support.nightly import mostly_nightly

ROOT = Path(__file__).parents[2]
OPTIONAL: dict[str, Any] = {
    "codeintel:assistant": {"repositories": ["https://git.example/team/code.git"]},
    "codeintel:network": {"downloads": True, "git": ["10.1.2.3/32"]},
    "codeintel:backups": {"endpoint": "https://s3.example", "addresses": ["10.1.2.4/32"]},
    "codeintel:gpu": {"nodes": ["gpu-1"]},
}
STACKS = ("gpu", "local", "all")


@pytest.fixture(scope="session", params=STACKS)
def stack(request: pytest.FixtureRequest, renderer: Renderer) -> Rendering:
    return stack_of(renderer, request.param)


def stack_of(renderer: Renderer, name: str) -> Rendering:
    """Return a stack of a file, or `all`: that of the GPU with every optional setting."""
    return renderer.config({**stack_config("gpu"), **OPTIONAL}) if name == "all" else renderer.stack(name)


# --- values


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each value; the resources of a container are one."""
    if isinstance(value, dict) and value and path[-1:] != ("resources",):
        for name, each in value.items():
            yield from leaves(each, (*path, name))
    else:
        yield path


def without(values: Any, path: Sequence[str]) -> Any:
    """Return values without one, and without the maps that it leaves empty."""
    name, *rest = path
    left = {key: each for key, each in values.items() if key != name}
    inner = without(values[name], rest) if rest else {}
    return {**left, name: inner} if inner else left


def of_no_effect(release: Resource, served: Sequence[str]) -> list[str]:
    """Return the values of a release without which its chart renders the same; what differs by chance is left out."""
    values = deepcopy(passed(release))
    first, second = (Counter(template_of(release, values, served).splitlines()) for _ in range(2))
    steady = first & second

    def same(path: tuple[str, ...]) -> bool:
        try:
            lines = Counter(template_of(release, without(values, path), served).splitlines())
        except ClusterError:  # the chart insists on it
            return False
        return lines.total() == first.total() and steady <= lines

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        paths = list(leaves(values))
        return [".".join(path) for path, unchanged in zip(paths, pool.map(same, paths), strict=True) if unchanged]


@pytest.mark.parametrize("chart", mostly_nightly(versions().charts, always="kserve-resources"))
def test_each_value_that_we_pass_changes_what_its_chart_renders(renderer: Renderer, chart: str) -> None:
    """A value that the chart does not know, spells otherwise or has as its default says something that is not so."""
    stack = stack_of(renderer, "gpu")
    [release] = [each for each in stack.releases if each.name == chart]
    assert not passed(release) or of_no_effect(release, stack.served) == []


def test_no_value_is_null(stack: Rendering) -> None:
    """The SDK for Python drops nulls, so one can't take back a default of a chart."""

    def nulls(value: Any) -> bool:
        return value is None or (isinstance(value, dict) and any(map(nulls, value.values())))

    assert [each.name for each in stack.releases if nulls(each.inputs.get("values", {}))] == []


def test_what_is_left_to_the_charts_defaults_is_what_the_platform_needs(renderer: Renderer) -> None:
    stack = stack_of(renderer, "gpu")
    [config] = [each.thing["data"] for each in stack.of("ConfigMap") if each.name == "inferenceservice-config"]
    assert json.loads(config["deploy"])["defaultDeploymentMode"] == "Knative"
    assert json.loads(config["localModel"])["jobNamespace"] == Namespace.DOWNLOADS
    assert "dcgm-exporter" in {each.name for each in stack.of("ServiceMonitor")}
    assert [each.namespace for each in stack.of("TrainingRuntime", "ClusterTrainingRuntime")] == [Namespace.ASSISTANT]
    [login] = [each for each in stack.of("Secret") if each.name == GRAFANA_ADMIN.secret]
    assert {"admin-user", "admin-password"} <= login.thing["data"].keys()
    [web] = [each.thing["spec"]["template"]["spec"] for each in stack.of("Deployment") if each.name == LANGFUSE.name]
    told = {each["name"]: each.get("value") for each in web["containers"][0]["env"]}
    assert {told["DATABASE_NAME"], told["DATABASE_USERNAME"], told["LANGFUSE_S3_EVENT_UPLOAD_BUCKET"]} == {"langfuse"}
    boards = [each for each in stack.of("ConfigMap") if each.name.startswith("dashboard-")]
    [grafana] = [each.thing for each in stack.of("Deployment") if each.name == GRAFANA.name]
    environment = [
        {each["name"]: each.get("value") for each in container["env"]}
        for container in grafana["spec"]["template"]["spec"]["containers"]
        if container["name"].endswith("sc-dashboard")
    ]
    assert [(each["NAMESPACE"], each["LABEL"]) for each in environment] == [("ALL", "grafana_dashboard")]
    assert all("grafana_dashboard" in labels_of(each) for each in boards)


# --- services and monitors

# Pods that are not of this program: k3s brings CoreDNS.
NOT_OURS = {("kube-system", "monitoring-coredns")}
# Ports that the upstream manifests name and their pods do not have: for TLS, which is off here, and an unused protocol.
UNUSED = {("activator-service", 8112), ("kourier-internal", 8444), ("seaweedfs", 18888)}


def selected(
    selector: Mapping[str, str], namespaces: Sequence[str] | None, among: Sequence[RenderedPod]
) -> list[RenderedPod]:
    """Return the pods with a selector's labels, in some namespaces or in all."""
    here = (each for each in among if namespaces is None or each.namespace in namespaces)
    return [each for each in here if selector.items() <= each.labels.items()]


def has_port(pod: RenderedPod, port: str | int) -> bool:
    ports = [each for container in pod.containers for each in container.get("ports") or []]
    return any(port in (each.get("name"), each["containerPort"]) for each in ports)


def test_each_service_selects_pods_that_listen_on_its_ports(stack: Rendering) -> None:
    among = list(pods(stack))
    for service in stack.of("Service"):
        selector = service.thing["spec"].get("selector")
        if not selector or (service.namespace, service.name) in NOT_OURS:
            continue
        behind = selected(selector, [service.namespace], among)
        assert behind, f"{service} selects no pod"
        for port in service.thing["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            if (service.name, target) not in UNUSED:
                assert all(has_port(each, target) for each in behind), f"{service}: no pod has the port {target}"


def chooses(selector: Object, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector without expressions matches; an absent one matches nothing."""
    assert not selector.get("matchExpressions")
    return (selector.get("matchLabels") or {}).items() <= labels.items()


def labels_of(thing: Rendered) -> Mapping[str, str]:
    return thing.thing["metadata"].get("labels") or {}


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PodMonitor", "PrometheusRule"])
def test_prometheus_selects_each_monitor_and_rule(stack: Rendering, kind: str) -> None:
    field = {"PrometheusRule": "rule"}.get(kind, kind[0].lower() + kind[1:])
    servers = list(stack.of("Prometheus"))
    assert len(servers) == stack.settings.components.has("observability")
    for server in servers:
        spec = server.thing["spec"]
        assert spec[f"{field}NamespaceSelector"] == {}
        missed = [each for each in stack.of(kind) if not chooses(spec[f"{field}Selector"], labels_of(each))]
        assert list(map(str, missed)) == []


def spaces(monitor: Rendered) -> list[str] | None:
    """Return the namespaces in which a monitor looks, or None for all."""
    selector = monitor.thing["spec"].get("namespaceSelector") or {}
    return None if selector.get("any") else selector.get("matchNames") or [monitor.namespace]


# Services that Kubernetes itself or the operator makes, of which no object is rendered.
MADE_LATER = {"monitoring-apiserver", "monitoring-kubelet"}


def test_each_service_monitor_selects_a_service_with_its_port(stack: Rendering) -> None:
    for monitor in stack.of("ServiceMonitor"):
        if monitor.name in MADE_LATER:
            continue
        wanted, places = monitor.thing["spec"]["selector"], spaces(monitor)
        found = [
            each
            for each in stack.of("Service")
            if (places is None or each.namespace in places) and chooses(wanted, labels_of(each))
        ]
        assert found, f"{monitor} selects no service"
        names = {port.get("name") for each in found for port in each.thing["spec"]["ports"]}
        assert {each["port"] for each in monitor.thing["spec"]["endpoints"]} <= names, monitor


def test_each_pod_monitor_selects_pods_with_its_port(stack: Rendering) -> None:
    among = list(pods(stack))
    for monitor in stack.of("PodMonitor"):
        found = selected(monitor.thing["spec"]["selector"]["matchLabels"], spaces(monitor), among)
        assert found, f"{monitor} selects no pod"
        for endpoint in monitor.thing["spec"]["podMetricsEndpoints"]:
            port = endpoint.get("port") or endpoint["portNumber"]
            assert all(has_port(each, port) for each in found), f"{monitor}: {port}"


def test_no_alert_watches_what_k3s_does_not_run(renderer: Renderer) -> None:
    rules = [
        rule
        for each in stack_of(renderer, "gpu").of("PrometheusRule")
        for group in each.thing["spec"]["groups"]
        for rule in group["rules"]
    ]
    alerts = {rule["alert"] for rule in rules if "alert" in rule}
    assert len(alerts) > 80
    assert not {each for each in alerts if re.match("KubeScheduler|KubeControllerManager|KubeProxy|etcd", each)}


def test_metrics_survive_a_restart(renderer: Renderer) -> None:
    [server] = stack_of(renderer, "gpu").of("Prometheus")
    claim = server.thing["spec"]["storage"]["volumeClaimTemplate"]["spec"]
    assert claim["resources"]["requests"]["storage"] == "30Gi"
    kept = int(server.thing["spec"]["retentionSize"].removesuffix("MiB"))
    assert 0.8 < kept / (30 << 10) < 0.9


def test_alertmanager_reads_the_configuration_of_the_stack(renderer: Renderer) -> None:
    """The chart's own has one receiver, which sends nothing to anybody."""
    stack = stack_of(renderer, "gpu")
    [server] = stack.of("Alertmanager")
    [secret] = [each for each in stack.of("Secret") if each.name == server.thing["spec"]["configSecret"]]
    assert (secret.namespace, secret.ours) == (server.namespace, True)


# --- images


def test_each_image_is_locked_and_each_locked_image_is_used(renderer: Renderer) -> None:
    """What is missing here is missing in the mirror too."""
    used = set().union(*(images(stack_of(renderer, name)) for name in STACKS))
    stand_in = {name.split("-operator")[0] for name in STAND_INS}  # another version of the chart names another image
    assert used_elsewhere(used, stand_in) == used_elsewhere(
        {(each.repository, each.tag) for each in locked()}, stand_in
    )


def locked() -> list[Any]:
    return [*versions().images.values(), *versions().chart_images.values()]


def used_elsewhere(found: set[tuple[str, str]], stand_in: set[str]) -> set[tuple[str, str]]:
    """Return images without those of charts for which another version stands."""
    return {each for each in found if not any(f"/{name}-operator" in each[0] for name in stand_in)}


def test_no_image_moves(renderer: Renderer) -> None:
    floating = re.compile("latest|main|master|nightly|stable")
    moving = {
        (place, tag) for name in STACKS for place, tag in images(stack_of(renderer, name)) if floating.search(tag)
    }
    # Kourier's manifest names the newest patch of Envoy 1.37; the digest that the mirror locks holds it.
    assert moving == {("docker.io/envoyproxy/envoy", "v1.37-latest")}


def test_a_stack_without_a_gpu_serves_with_vllm_for_cpus(renderer: Renderer) -> None:
    for name, image in (("gpu", "vllm"), ("local", "vllm-cpu")):
        [runtime] = stack_of(renderer, name).of("ServingRuntime")
        [server] = runtime.thing["spec"]["containers"]
        assert server["image"] == versions().images[image].reference(None)
    base = re.search(r"BASE=\S+:(\S+)", (ROOT / "platform" / "images" / "vllm" / "Containerfile").read_text())
    assert base
    assert versions().images["vllm-cpu"].tag == base[1]


# --- secrets and config maps

# Made after the objects: by cert-manager of a Certificate (found in the rendering), or by a job of the chart.
BY_JOBS = {
    ("Secret", "monitoring", "monitoring-admission"),  # kube-prometheus-stack's hook
    ("Secret", "kubeflow", "webhook-server-tls"),  # Kubeflow Pipelines' cache-deployer
    ("Secret", "codeintel-data", "backup-target"),  # by hand: the settings' description of backups.endpoint
}
Named = tuple[str, str, str]


def named(pod: RenderedPod) -> Iterator[tuple[Named, str | None]]:
    """Yield each Secret and ConfigMap that a pod can't start without, with the key, or None for all of it."""
    for container in pod.containers:
        for each in container.get("env") or []:
            for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                if (source := (each.get("valueFrom") or {}).get(field)) and not source.get("optional"):
                    yield (kind, pod.namespace, source["name"]), source["key"]
        for each in container.get("envFrom") or []:
            for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
                if (source := each.get(field)) and not source.get("optional"):
                    yield (kind, pod.namespace, source["name"]), None
    for volume in pod.spec.get("volumes") or []:
        for source in (volume, *(volume.get("projected") or {}).get("sources", [])):
            yield from _mounted(source, pod.namespace)


def _mounted(volume: Object, namespace: str) -> Iterator[tuple[Named, str | None]]:
    for field, kind in (("secret", "Secret"), ("configMap", "ConfigMap")):
        source = volume.get(field)
        if source and not source.get("optional"):
            place = (kind, namespace, source.get("secretName") or source["name"])
            yield from ((place, item["key"]) for item in source.get("items") or [{"key": None}])


def existing(stack: Rendering) -> dict[Named, set[str] | None]:
    """Return each Secret and ConfigMap with its keys, or None where they come later."""
    made: dict[Named, set[str] | None] = {
        (each.kind, each.namespace, each.name): {*(each.thing.get("data") or {}), *(each.thing.get("stringData") or {})}
        for each in stack.of("Secret", "ConfigMap")
    }
    certified = {("Secret", each.namespace, each.thing["spec"]["secretName"]): None for each in stack.of("Certificate")}
    return {**dict.fromkeys(BY_JOBS), **certified, **made}


def test_each_secret_and_config_map_that_a_pod_names_has_that_key(stack: Rendering) -> None:
    made = existing(stack)
    for pod in pods(stack):
        for place, key in named(pod):
            assert place in made, f"{pod} needs {place}"
            keys = made[place]
            assert key is None or keys is None or key in keys, f"{pod} needs {key} of {place}"


# --- the node

# Labels that kubelets, Node Feature Discovery and GPU Feature Discovery set; MPS, which is off, would set the last.
DISCOVERED = {"kubernetes.io/os": {"linux"}, "nvidia.com/mps.capable": {"true"}}


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Object:
    """Return the labels and taints of a joined node, which has taints, as Terraform's module writes them."""
    made = documents(tmp_path_factory.mktemp("node"), AGENT)["user_data"]
    files = {each["path"]: each["content"] for each in yaml.safe_load(made)["write_files"]}
    config: Object = yaml.safe_load(files["/etc/rancher/k3s/config.yaml"])
    return config


def test_each_node_selector_and_runtime_class_is_one_that_the_node_has(renderer: Renderer, node: Object) -> None:
    labels = dict(each.split("=", 1) for each in node["node-label"])
    assert labels == GPU_NODE_LABELS
    stack = stack_of(renderer, "gpu")
    for pod in pods(stack):
        for name, value in (pod.spec.get("nodeSelector") or {}).items():
            assert labels.get(name) == value or value in DISCOVERED.get(name, ()), f"{pod} selects {name}: {value}"
        assert pod.spec.get("runtimeClassName") in (None, RUNTIME_CLASS), pod


def test_a_pod_that_has_to_be_on_the_card_tolerates_its_taint(renderer: Renderer, node: Object) -> None:
    [taint] = node["node-taint"]
    key, _, _ = taint.replace("=", ":").split(":")
    for pod in pods(stack_of(renderer, "gpu")):
        if pod.slices or (pod.spec.get("nodeSelector") or {}).keys() & GPU_NODE_LABELS.keys():
            tolerated = [each.get("key") for each in pod.spec.get("tolerations") or []]
            assert key in tolerated, pod


def test_the_first_node_that_terraform_makes_needs_no_toleration(tmp_path: Path) -> None:
    made = documents(tmp_path, SERVER)["user_data"]
    files = {each["path"]: each["content"] for each in yaml.safe_load(made)["write_files"]}
    assert yaml.safe_load(files["/etc/rancher/k3s/config.yaml"])["node-taint"] == []


def test_without_a_gpu_no_pod_asks_for_a_label_that_a_laptop_lacks(renderer: Renderer) -> None:
    for pod in pods(stack_of(renderer, "local")):
        selector = pod.spec.get("nodeSelector") or {}
        # Without a cache the agent has nothing to do, and need not run.
        assert selector.items() <= {"kubernetes.io/os": "linux", "kserve/localmodel": "worker"}.items(), pod
        assert pod.slices == 0, pod


# --- what fits

LAPTOP = Resources(cpu=8.0, memory=24 << 30)  # docs/platform.md
ALWAYS = ("Deployment", "StatefulSet", "DaemonSet", "Prometheus", "Alertmanager", "ClickHouseCluster", "KeeperCluster")


def added(found: Sequence[RenderedPod]) -> Resources:
    return sum((requested(each.spec) * each.count for each in found), Resources())


def worst(stack: Rendering) -> dict[str, Resources]:
    """Return what is requested at once, with each of those that take turns on the card, and the largest nightly job."""
    among = list(pods(stack))
    always = added([each for each in among if each.source.kind in ALWAYS]) + SYSTEM
    nightly = largest(requested(each.spec) for each in among if each.source.kind == "CronJob")
    turns = [each for each in among if each.source.kind in ("InferenceService", "TrainingRuntime")]
    if stack.settings.has_gpu:
        return {each.source.name: always + nightly + added([each]) for each in turns}
    return {"models": always + nightly + added([each for each in turns if each.source.kind == "InferenceService"])}


@pytest.mark.parametrize("name", STACKS)
def test_requests_fit_on_the_node_of_the_stack(renderer: Renderer, name: str) -> None:
    node = LAPTOP if name == "local" else terraform_node()
    sums = worst(stack_of(renderer, name))
    assert len(sums) == (1 if name == "local" else 3)
    for turn, needed in sums.items():
        assert needed <= node, f"with {turn}, {name} requests {needed} of {node}"


# What Langfuse's guide to self-hosting asks for, in GiB; the operator's own default for ClickHouse is one.
LANGFUSE_NEEDS = {"langfuse-web": 4, "langfuse-worker": 4, "clickhouse-server": 8}


def test_langfuse_may_take_the_memory_that_it_needs(renderer: Renderer) -> None:
    among = [each for pod in pods(stack_of(renderer, "gpu")) for each in pod.containers]
    limits = {
        each["name"]: in_bytes(each["resources"]["limits"]["memory"]) >> 30
        for each in among
        if each["name"] in LANGFUSE_NEEDS
    }
    assert limits.keys() == LANGFUSE_NEEDS.keys()
    assert all(limits[name] >= needed for name, needed in LANGFUSE_NEEDS.items()), limits


def test_a_model_that_nobody_has_asked_takes_no_card(renderer: Renderer) -> None:
    """Production holds all slices: a first pod of the autoscaling test would wait for one, and Knative give it up."""
    stack = stack_of(renderer, "gpu")
    [model] = [each.thing["metadata"] for each in stack.of("InferenceService") if each.name == "autoscaling-test"]
    [config] = [each.thing["data"] for each in stack.objects if each.name == "config-autoscaler" and each.patches]
    assert model["annotations"]["autoscaling.knative.dev/initial-scale"] == "0"
    assert config["allow-zero-initial-scale"] == "true"


def test_each_pod_that_takes_the_card_fits_in_its_slices(renderer: Renderer) -> None:
    stack = stack_of(renderer, "gpu")
    for pod in pods(stack):
        assert pod.slices * pod.count <= stack.settings.gpu.offered, f"{pod} asks for {pod.slices} {GPU} x {pod.count}"
