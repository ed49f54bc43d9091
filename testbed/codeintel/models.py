"""The platform's two InferenceServices on real nodes, scaled down for this machine, and a client for them."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

from infra.pulumi.components.card import PRIORITIES
from infra.pulumi.names import MLFLOW, Namespace, Priority
from ml.serving import (
    AdapterSource,
    AutoscalingArgs,
    Placement,
    ProductionArgs,
    VllmArgs,
    autoscaling_model,
    production_model,
    vllm_runtime,
)
from ml.training.runtime import SLICES
from testbed.codeintel.written import read_only, written
from testbed.kubernetes.api import Api, Object, condition
from testbed.machines import python_image

SPACE = Namespace.MODELS
PRODUCTION, AUTOSCALED = "code-assistant", "autoscaling-test"
COST, SLOTS = 1.5, 2  # seconds a request and requests at once: a pod's share of the card
SHORT = {
    "SLOTS": SLOTS,
    "MOST_CHARS": 600,
    "MOST_TOKENS": 8,
}  # two cores write eight tokens in the time that a card writes a hundred
LABEL = "serving.kserve.io/inferenceservice"
WEIGHTS = "codeintel-weights"


@dataclass(frozen=True)
class Models:
    """The models of a cluster; `address` is its ingress."""

    api: Api
    address: str

    def ready(self, service: Object) -> bool:
        """Return whether an InferenceService is ready."""
        return condition(self.api.get(service) or {}, "Ready") == "True"

    def bring(self, service: Object) -> None:
        """Apply an InferenceService and wait until it is ready."""
        self.api.apply(service, force=True)
        self.api.wait(f"model {service['metadata']['name']}", lambda: self.ready(service))

    def take_away(self, service: Object) -> None:
        """Delete an InferenceService and wait until its pods have released their slices."""
        self.api.delete(service)
        name = service["metadata"]["name"]
        self.api.wait(f"the end of {name}", lambda: not self.pods(name) and self.api.get(service) is None)

    def pods(self, name: str) -> list[Object]:
        """Return the pods of an InferenceService."""
        return self.api.find("v1", "Pod", SPACE, labelSelector=f"{LABEL}={name}")

    def ready_pods(self, name: str) -> list[Object]:
        """Return those of them that are ready."""
        return [pod for pod in self.pods(name) if condition(pod, "Ready") == "True"]

    def ask(self, name: str, seconds: float = 60) -> str:
        """Send a chat to a model through the ingress and return its answer."""
        body = {"model": name, "messages": [{"role": "user", "content": "What does a mutex do?"}], "max_tokens": 8}
        connection = http.client.HTTPConnection(self.address.removeprefix("http://"), timeout=seconds)
        try:
            headers = {"Host": host(name), "Content-Type": "application/json"}
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            reply = connection.getresponse()
            text = reply.read().decode()
        finally:
            connection.close()
        assert reply.status == http.HTTPStatus.OK, f"{reply.status}: {text[:300]}"
        return str(json.loads(text)["choices"][0]["message"]["content"])


def host(name: str) -> str:
    """Return a model's host name at the ingress."""
    return f"{name}-predictor.{SPACE}.svc.cluster.local"


def runtime(image: str = python_image.NAME) -> Object:
    """Return the platform's runtime with our model server in place of vLLM, started with the same arguments."""
    made = vllm_runtime(VllmArgs(image, SPACE))
    container = made["spec"]["containers"][0]
    container["command"] = [python_image.INTERPRETER, f"/{python_image.SERVER}"]
    container["readinessProbe"]["periodSeconds"] = container["startupProbe"]["periodSeconds"] = 1
    container["startupProbe"]["failureThreshold"] = 300
    container["env"] += [{"name": name, "value": str(value)} for name, value in SHORT.items()]
    return made


def weights() -> list[Object]:
    """Return the volume that KServe mounts as the models' weights: empty, because the weights are in the image."""
    return read_only(WEIGHTS, SPACE, "/var/lib/kubelet/codeintel-weights")


def priorities() -> list[Object]:
    """Return the priority classes of the card's users."""
    return [written("PriorityClass", name) for name in PRIORITIES]


def production(slices: int = SLICES, **more: Any) -> Object:
    """Return the platform's production model, on so many slices."""
    source = AdapterSource(python_image.NAME, MLFLOW.url)  # unreachable here: the container keeps retrying
    made = production_model(
        ProductionArgs(PRODUCTION, "hf://base/model", _place(slices, Priority.PRODUCTION), adapters=source, **more)
    )
    (bringing,) = made["spec"]["predictor"]["containers"]
    bringing["command"][0] = python_image.INTERPRETER
    return _small(made, 0)


def autoscaled() -> Object:
    """Return the platform's autoscaling test: one slice a pod."""
    args = AutoscalingArgs("hf://small/model", _place(1, Priority.AUTOSCALING), name=AUTOSCALED, concurrency=SLOTS)
    return _small(autoscaling_model(args), COST)


def _small(service: Object, seconds: float) -> Object:
    """Return a scaled-down model with a minimum duration a request."""
    model = service["spec"]["predictor"]["model"]
    model["storageUri"] = f"pvc://{WEIGHTS}"
    model["env"] = [*model.get("env", []), {"name": "COST", "value": str(seconds)}]
    model["resources"]["limits"] = {**model["resources"]["limits"], "cpu": "2"}
    return service


def _place(slices: int, priority: str) -> Placement:
    return Placement(slices, "50m", "768Mi", priority, runtime_class=None)
