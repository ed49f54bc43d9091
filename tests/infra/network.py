"""The network of a rendered stack: its pods, the Services in front of them, and the policies of everybody together.

Pods that controllers make later are stated here with the labels and ports that these controllers give them.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from infra.policy.pods import pod_of
from infra.pulumi import ends
from infra.pulumi.names import NAMESPACE_LABEL, Namespace
from ml.pipelines.names import SETTINGS
from testbed.kubernetes.api import Object
from testbed.kubernetes.network_policies import TCP, End, Policies, Port, matches_labels
from testbed.pulumi.rendered import Rendered, Rendering

API_SERVER, NODE = End("10.9.0.1"), End("10.9.1.1")
NETWORK = {
    "apiServer": [f"{API_SERVER.address}/32"],
    "nodes": ["10.9.1.0/28"],
    "git": ["10.1.2.3/32"],
    "weights": ["10.1.4.0/24"],
    "downloads": True,
}
OUTSIDE = {  # by the table's names, and two that are in no row
    ends.API_SERVER.name: API_SERVER,
    ends.NODES.name: NODE,
    ends.GIT.name: End("10.1.2.3"),
    ends.WEIGHTS.name: End("10.1.4.9"),
    ends.BACKUP_TARGET.name: End("10.1.5.1"),
    ends.RECEIVERS.name: End("10.1.6.1"),
    ends.ACME_SERVER.name: End("10.1.7.1"),
    ends.INTERNET.name: End("93.184.216.34"),
    "the office": End("192.168.1.7"),
    "the cloud's credentials": End("169.254.169.254"),
}
CONFIG = {
    "codeintel:network": NETWORK,
    "codeintel:assistant": {"repositories": ["https://git.example/a.git"]},
    "codeintel:vectors": {"nodes": 3, "replicas": 2},
    "codeintel:backups": {"endpoint": "https://backups.example", "addresses": ["10.1.5.0/24"]},
    "codeintel:alerts": {"receivers": {"webhook": {"url": "https://alerts.example"}}, "addresses": ["10.1.6.0/24"]},
    "codeintel:ingress": {
        "hosts": {name: f"{name}.example.org" for name in ("assistant", "grafana", "langfuse")},
        "acme": {"email": "ops@example.org", "addresses": ["10.1.7.0/24"]},
    },
}
SYSTEM, ELSEWHERE = "kube-system", "default"
ARGUMENT = " argument "
CLUSTERS_OWN: tuple[Object, ...] = (
    {
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {"ports": [{"name": "https", "port": 443}]},
    },
    {
        "metadata": {"name": "kubelet", "namespace": SYSTEM, "labels": {"app.kubernetes.io/name": "kubelet", "k8s-app": "kubelet"}},
        "spec": {"ports": [{"name": "https-metrics", "port": 10250, "targetPort": 10250}]},
    },
)  # fmt: skip
PROXY = (8012, 8013, 8022, 9090, 9091)  # Knative's container in each pod


@dataclass(frozen=True, eq=False)
class Pod(End):
    """A pod with the ports that it listens on, and every text in which it may be told an address."""

    ports: tuple[Port, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Cluster:
    """A rendered stack on a cluster."""

    rendering: Rendering

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """All pods but those on their node's own network, one of each kind."""
        numbers = itertools.count(1)
        specs = [*self._workloads(), *_made_later(self)]
        return tuple(_pod(*each, f"10.42.0.{next(numbers)}") for each in specs)

    @cached_property
    def policies(self) -> Policies:
        """All policies, where an address block matches pods too: the worst case of what is open."""
        return self._policies(blocks_match_pods=True)

    @cached_property
    def careful_policies(self) -> Policies:
        """All policies, where an address block matches no pod: the worst case of what is needed."""
        return self._policies(blocks_match_pods=False)

    def _policies(self, *, blocks_match_pods: bool) -> Policies:
        things = [each.thing for each in self.rendering.of("NetworkPolicy")]
        return Policies(things, self._namespaces(), blocks_match_pods)

    def _namespaces(self) -> dict[str, dict[str, str]]:
        labels = {each.name: each.thing["metadata"].get("labels", {}) for each in self.rendering.of("Namespace")}
        return {name: {**labels.get(name, {}), NAMESPACE_LABEL: name} for name in (*labels, SYSTEM, ELSEWHERE)}

    @cached_property
    def guarded(self) -> frozenset[str]:
        """The namespaces that the program closes."""
        return frozenset(
            each.namespace for each in self.rendering.of("NetworkPolicy") if each.name == "deny-by-default"
        )

    def chosen(self, namespace: str, labels: Mapping[str, str]) -> list[Pod]:
        """Return the pods of a namespace with these labels."""
        return [
            each for each in self.pods if each.namespace == namespace and labels.items() <= dict(each.labels).items()
        ]

    def settings_of(self, name: str, namespace: str) -> dict[str, str]:
        """Return a ConfigMap's data."""
        maps = (each for each in self.rendering.of("ConfigMap") if (each.namespace, each.name) == (namespace, name))
        return next((each.thing.get("data") or {} for each in maps), {})

    def _workloads(self) -> Iterator[tuple[str, str, Mapping[str, str], Object, Mapping[str, str]]]:
        """Yield the name, namespace, labels, specification and texts of each pod that an object contains."""
        for each in self.rendering.of("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"):
            for spec in pod_of(each.thing):
                if not spec.get("hostNetwork"):
                    yield each.name, each.namespace, _labels(each.thing), dict(spec), self._told(spec, each.namespace)

    def _told(self, spec: Mapping[str, Any], namespace: str) -> dict[str, str]:
        """Return the values of a pod's variables, also those in ConfigMaps, and its arguments."""
        told: dict[str, str] = {}
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            words = (*(container.get("command") or ()), *(container.get("args") or ()))
            told |= {f"{container['name']}{ARGUMENT}{number}": str(word) for number, word in enumerate(words)}
            for each in container.get("env") or ():
                told[each["name"]] = self._value(each, namespace)
            for source in container.get("envFrom") or ():
                told |= self.settings_of(source.get("configMapRef", {}).get("name", ""), namespace)
        return told

    def _value(self, variable: Object, namespace: str) -> str:
        if source := (variable.get("valueFrom") or {}).get("configMapKeyRef"):
            return str(self.settings_of(source["name"], namespace).get(source["key"], ""))
        return str(variable.get("value", ""))

    @cached_property
    def services(self) -> dict[tuple[str, str], dict[int, list[tuple[End, Port]]]]:
        """Return where the ports of each Service lead, by its namespace and name."""
        found = {
            (each.namespace, each.name): {
                port["port"]: list(self._targets(each.thing, port)) for port in each.thing["spec"].get("ports") or ()
            }
            for each in self.rendering.of("Service")
        }
        found["default", "kubernetes"] = {443: [(API_SERVER, Port(6443))]}
        inner = found[Namespace.KOURIER, "kourier-internal"]
        for each in self.rendering.of("InferenceService"):  # Knative's name for a model is an alias of this
            found[each.namespace, f"{each.name}-predictor"] = inner
        for cluster in self.rendering.of("ClickHouseCluster"):  # its operator's
            served = self.chosen(cluster.namespace, dict(ends.CLICKHOUSE.labels))
            found[cluster.namespace, f"{cluster.name}-clickhouse-headless"] = {
                port: [(each, Port(port)) for each in served] for port in (8123, 9000)
            }
        return found

    def _targets(self, service: Object, port: Object) -> Iterator[tuple[End, Port]]:
        target = port.get("targetPort") or port["port"]
        for pod in self.chosen(service["metadata"]["namespace"], service["spec"].get("selector") or {"none": "at all"}):
            number = pod.named_ports.get((target, TCP)) if isinstance(target, str) else target
            if number:
                yield pod, Port(number, port.get("protocol", TCP))


def _made_later(cluster: Cluster) -> Iterator[tuple[str, str, Mapping[str, str], Object, Mapping[str, str]]]:
    """Yield what controllers make of our objects, the cluster's DNS, and strangers: the forms of `_workloads`."""
    part = "app.kubernetes.io/name"
    settings = cluster.settings_of(SETTINGS, Namespace.PIPELINES)
    step = {"pipelines.kubeflow.org/v2_component": "true", "workflows.argoproj.io/workflow": "learning-x"}
    training = {"jobset.sigs.k8s.io/jobset-name": "a", "jobset.sigs.k8s.io/replicatedjob-name": "node"}
    stated: Sequence[tuple[str, str, Mapping[str, str], Object, Mapping[str, str]]] = [
        ("prometheus", Namespace.MONITORING,
         {part: "prometheus", "operator.prometheus.io/name": "monitoring-prometheus"},
         _listening({"http-web": 9090, "reloader-web": 8080}), {}),
        ("alertmanager", Namespace.MONITORING, {part: "alertmanager", "alertmanager": "monitoring-alertmanager"},
         _listening({"http-web": 9093, "reloader-web": 8080, "mesh": 9094}), {}),
        ("clickhouse", Namespace.LANGFUSE, {part: "clickhouse-server", "clickhouse.com/role": "clickhouse-server"},
         _listening({"http": 8123, "native": 9000, "management": 9001, "interserver": 9009, "metrics": 9363}), {}),
        ("keeper", Namespace.LANGFUSE, {part: "clickhouse-keeper", "clickhouse.com/role": "clickhouse-keeper"},
         _listening({"native": 2181, "raft": 9234, "control": 9123}), {}),
        ("download", Namespace.DOWNLOADS, {"job-name": "code-assistant"}, _listening({}), {}),
        ("training-0", Namespace.ASSISTANT, training, _listening({"rendezvous": 29500}), {}),
        ("training-1", Namespace.ASSISTANT, training, _listening({"rendezvous": 29500}), {}),
        ("driver", Namespace.PIPELINES, step, _listening({}), {}),
        ("stage", Namespace.PIPELINES, {**step, part: "learning"}, _listening({}), settings),
        *(
            ("solver", each.namespace, dict(each.labels), _listening({"http": 8089}), {}) for each in ends.SOLVERS
        ),
        ("traefik", SYSTEM, {part: "traefik"}, _listening({"web": 8000, "websecure": 8443}), {}),
        ("coredns", SYSTEM, {"k8s-app": "kube-dns"}, _listening({"dns": 53, "metrics": 9153}), {}),
    ]  # fmt: skip
    yield from stated
    for each in cluster.rendering.of("InferenceService"):
        labels = {"component": "predictor", "serving.kserve.io/inferenceservice": each.name}
        told = {one["name"]: str(one.get("value", "")) for one in _variables(each.thing["spec"])}
        ports = {"user-port": 8080, **{f"proxy-{number}": number for number in PROXY}}
        yield each.name, each.namespace, labels, _listening(ports), told
    for space in (*sorted(cluster.guarded), SYSTEM, ELSEWHERE):
        yield "stranger", space, {"app": "stranger"}, _listening({"http": 8080}), {}


def _variables(thing: object) -> Iterator[Object]:
    """Yield every entry of every `env` in an object."""
    if isinstance(thing, dict):
        yield from thing.get("env") or ()
    for each in thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list) else ():
        yield from _variables(each)


def _listening(ports: Mapping[str, int]) -> Object:
    return {"containers": [{"ports": [{"name": name, "containerPort": port} for name, port in ports.items()]}]}


def _labels(workload: Object) -> Mapping[str, str]:
    spec = workload["spec"].get("jobTemplate", workload)["spec"]
    return dict(spec["template"]["metadata"].get("labels") or {})


def _pod(
    name: str, namespace: str, labels: Mapping[str, str], spec: Object, told: Mapping[str, str], address: str
) -> Pod:
    listed = [
        (each.get("name", ""), Port(each["containerPort"], each.get("protocol", TCP)))
        for container in spec["containers"]
        for each in container.get("ports") or ()
    ]
    named = {(called, port.protocol): port.number for called, port in listed if called}
    return Pod(address, namespace, labels, named, name, tuple(dict.fromkeys(port for _, port in listed)), told)


@dataclass(frozen=True)
class Read:
    """What Prometheus reads, by the monitor that says so."""

    monitor: str
    end: End
    port: Port


def monitored(cluster: Cluster) -> Iterator[Read]:
    """Yield what the monitors name."""
    for each in cluster.rendering.of("PodMonitor"):
        for endpoint, pod in itertools.product(each.thing["spec"]["podMetricsEndpoints"], cluster.pods):
            if pod.namespace == each.namespace and matches_labels(each.thing["spec"]["selector"], pod.labels):
                number = endpoint.get("portNumber") or pod.named_ports[endpoint["port"], TCP]
                yield Read(each.name, pod, Port(number))
    for each in cluster.rendering.of("ServiceMonitor"):
        wanted = {endpoint["port"] for endpoint in each.thing["spec"]["endpoints"]}
        for service in _selected(cluster, each):
            yield from _endpoints(cluster, each.name, wanted, service)


def _selected(cluster: Cluster, monitor: Rendered) -> Iterator[Object]:
    """Yield the Services of a monitor, also those that are not rendered: the kubelets' and the API server's."""
    spec = monitor.thing["spec"]
    spaces = (spec.get("namespaceSelector") or {}).get("matchNames", [monitor.namespace])
    for thing in (*(each.thing for each in cluster.rendering.of("Service")), *CLUSTERS_OWN):
        labels = thing["metadata"].get("labels") or {}
        if thing["metadata"]["namespace"] in spaces and matches_labels(spec["selector"], labels):
            yield thing


def _endpoints(cluster: Cluster, monitor: str, wanted: set[str], service: Object) -> Iterator[Read]:
    """Yield where a Service's ports lead; one in kube-system without pods is served by the nodes' own programs."""
    place = service["metadata"]
    for port in service["spec"]["ports"]:
        if port.get("name") in wanted:
            leads = cluster.services.get((place["namespace"], place["name"]), {}).get(port["port"])
            for end, target in leads or [(NODE, Port(port["targetPort"]))]:
                yield Read(monitor, end, target)


# A Service's name alone, with its namespace, or in a URL: what a resolver would be asked for.
NAMED = re.compile(
    r"(?:^|[/@=,])(?P<name>[a-z][a-z0-9-]*)(?:\.(?P<space>[a-z][a-z0-9-]*))?(?:\.svc[a-z.]*)?(?::(?P<port>\d+))?(?=$|[/?,])"
)


def told_services(cluster: Cluster, pod: Pod) -> Iterator[tuple[str, tuple[str, str], int | None]]:
    """Yield each Service that a pod is told of, with the text's name and the port, if it names one.

    An argument without a port may name what it is itself: the host of a certificate.
    """
    for what, text in pod.told.items():
        for found in NAMED.finditer(text):
            place = (found["space"] or str(pod.namespace), found["name"])
            port = found["port"] or ("80" if "http://" in text else None)
            if place in cluster.services and (port or ARGUMENT not in what):
                yield what, place, int(port) if port else None
