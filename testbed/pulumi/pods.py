"""The pods of a rendered stack: those of its workloads, and those that operators make of its objects.

What an operator adds is written down here from its own source, at the version of versions.toml, as far as admission,
services, monitors, images and the scheduler care.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from infra.pulumi.names import GPU
from testbed.kubernetes.api import Object
from testbed.pulumi.rendered import Rendered, Rendering

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")
RESTRICTED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


@dataclass(frozen=True)
class RenderedPod:
    """A pod: the object that it comes of, its template, and how many there may be at once."""

    source: Rendered
    labels: Mapping[str, str]
    spec: Object
    count: int = 1

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.source.namespace

    @property
    def containers(self) -> list[Object]:
        """All of its containers."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def slices(self) -> int:
        """How many slices of the card it takes."""
        return sum(int(each.get("resources", {}).get("limits", {}).get(GPU, 0)) for each in self.spec["containers"])

    def __str__(self) -> str:
        return f"pod of {self.source}"


def pods(rendering: Rendering) -> Iterator[RenderedPod]:
    """Yield all pods of a stack, once for each template."""
    for each in rendering.of(*WORKLOADS):
        yield _templated(each, each.thing["spec"]["template"], each.thing["spec"].get("replicas", 1))
    for each in rendering.of("CronJob"):
        yield _templated(each, each.thing["spec"]["jobTemplate"]["spec"]["template"])
    for kind, made in OPERATORS.items():
        for each in rendering.of(kind):
            yield made(each, rendering)


def _templated(source: Rendered, template: Object, count: int = 1) -> RenderedPod:
    return RenderedPod(source, template.get("metadata", {}).get("labels") or {}, template["spec"], count)


def _trained(source: Rendered, _: Rendering) -> RenderedPod:
    """Return the pod of a TrainJob with this TrainingRuntime, as JobSet makes it."""
    [job] = source.thing["spec"]["template"]["spec"]["replicatedJobs"]
    return _templated(source, job["template"]["spec"]["template"])


def _monitored(app: str, port: int) -> Callable[[Rendered, Rendering], RenderedPod]:
    """Return the maker of a pod of Prometheus' operator: the server, and the reloader of its configuration."""

    def made(source: Rendered, rendering: Rendering) -> RenderedPod:
        spec = source.thing["spec"]
        server = {
            "name": app,
            "image": spec["image"],
            "resources": spec["resources"],
            "ports": [{"name": spec["portName"], "containerPort": port}],
            "securityContext": RESTRICTED,
        }
        options = _options(rendering, "monitoring-operator")
        asked = {"cpu": options.get("config-reloader-cpu-request", "10m")}
        asked |= {"memory": options.get("config-reloader-memory-request", "50Mi")}
        reloader = {
            "name": "config-reloader",
            "image": options["prometheus-config-reloader"],
            "resources": {"requests": asked},
            "ports": [{"name": "reloader-web", "containerPort": 8080}],
            "securityContext": RESTRICTED,
        }
        labels = {
            "app.kubernetes.io/name": app,
            "app.kubernetes.io/instance": source.name,
            "app.kubernetes.io/managed-by": "prometheus-operator",
            app: source.name,
            "operator.prometheus.io/name": source.name,
        }
        pod = {
            "serviceAccountName": spec["serviceAccountName"],
            "securityContext": spec["securityContext"],
            "containers": [server, reloader],
        }
        return RenderedPod(source, labels, pod, int(spec.get("replicas", 1)))

    return made


def _options(rendering: Rendering, deployment: str) -> dict[str, str]:
    """Return the options of a Deployment's first container, without their dashes."""
    [found] = [each for each in rendering.of("Deployment") if each.name == deployment]
    [container, *_] = found.thing["spec"]["template"]["spec"]["containers"]
    return dict(option.lstrip("-").split("=", 1) for option in container["args"] if "=" in option)


def _clickhouse(part: str, ports: Mapping[str, int]) -> Callable[[Rendered, Rendering], RenderedPod]:
    """Return the maker of a pod of ClickHouse's operator, with the capabilities that it always adds."""

    def made(source: Rendered, _: Rendering) -> RenderedPod:
        spec = source.thing["spec"]
        template = spec["containerTemplate"]
        container = {
            "name": part,
            "image": "{repository}:{tag}".format(**template["image"]),
            "resources": template["resources"],
            "ports": [{"name": name, "containerPort": port} for name, port in ports.items()],
            "securityContext": {"capabilities": {"add": ["IPC_LOCK", "PERFMON", "SYS_PTRACE"]}},
        }
        name = f"{source.name}-{part.removesuffix('-server').removeprefix('clickhouse-')}"
        labels = {"app": name, "app.kubernetes.io/instance": name, "app.kubernetes.io/name": part}
        return RenderedPod(source, labels, {"containers": [container]}, int(spec["replicas"]))

    return made


def _served(source: Rendered, rendering: Rendering) -> RenderedPod:
    """Return the pod of an InferenceService: KServe's of the runtime and the model, with Knative's queue proxy."""
    predictor = source.thing["spec"]["predictor"]
    [runtime] = rendering.of("ServingRuntime")
    [server] = deepcopy(runtime.thing["spec"]["containers"])
    server |= {name: predictor["model"][name] for name in ("resources", "volumeMounts") if name in predictor["model"]}
    server["env"] = [*server.get("env", []), *predictor["model"].get("env", [])]
    outside = {
        name: predictor[name] for name in ("nodeSelector", "tolerations", "runtimeClassName") if name in predictor
    }
    spec: dict[str, Any] = {
        **outside,
        "containers": [server, *predictor.get("containers", []), _queue_proxy(rendering)],
        "volumes": [*runtime.thing["spec"].get("volumes", []), *predictor.get("volumes", [])],
    }
    labels = {"component": "predictor", "serving.kserve.io/inferenceservice": source.name}
    return RenderedPod(source, labels, spec, int(predictor.get("maxReplicas", 1)))


def _queue_proxy(rendering: Rendering) -> Object:
    """Return Knative's sidecar, with the image of its own configuration and the defaults of its source."""
    [config] = [each for each in rendering.of("ConfigMap") if each.name == "config-deployment"]
    return {
        "name": "queue-proxy",
        "image": config.thing["data"]["queue-sidecar-image"],
        "resources": {"requests": {"cpu": "25m", "memory": "400Mi"}},
        "ports": [{"name": "queue-port", "containerPort": 8012}],
        "securityContext": {**RESTRICTED, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }


OPERATORS: dict[str, Callable[[Rendered, Rendering], RenderedPod]] = {
    "TrainingRuntime": _trained,
    "Prometheus": _monitored("prometheus", 9090),
    "Alertmanager": _monitored("alertmanager", 9093),
    "ClickHouseCluster": _clickhouse("clickhouse-server", {"http": 8123, "native": 9000, "interserver": 9009}),
    "KeeperCluster": _clickhouse("clickhouse-keeper", {"native": 2181}),
    "InferenceService": _served,
}
