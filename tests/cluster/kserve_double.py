"""A double of KServe's controller, whose module can't be had here: it makes the Knative Service that KServe 0.20 makes.

`knative_service` follows what the real controller was seen to make (a test compares the two): names, owner, labels,
annotations, the runtime's container under the model's arguments. It does not mount `storageUri` (a webhook's work), split
traffic for a canary, or choose a runtime by itself.
"""

import threading

from tests.cluster.api import Api, Object, condition
from tests.cluster.errors import ClusterError

VERSION = "serving.kserve.io/v1beta1"
RUNTIME_VERSION = "serving.kserve.io/v1alpha1"
KNATIVE = "serving.knative.dev/v1"
SCALING = "autoscaling.knative.dev"
CONTAINER = "kserve-container"
INTERVAL = 0.3


def knative_service(service: Object, runtime: Object | None) -> Object:
    """Gives the Knative Service of an InferenceService whose predictor names a runtime or has a container of its own."""
    metadata, predictor = service["metadata"], service["spec"]["predictor"]
    name = metadata["name"]
    labels = {**metadata.get("labels", {}), "component": "predictor", "serving.kserve.io/inferenceservice": name}
    seconds = predictor.get("timeout", 300)
    container = _container(name, predictor, runtime)
    placed = ("nodeSelector", "tolerations", "runtimeClassName", "automountServiceAccountToken", "affinity")
    spec: Object = {key: predictor[key] for key in placed if key in predictor}
    volumes = [*(runtime or {"spec": {}})["spec"].get("volumes", []), *predictor.get("volumes", [])]
    spec |= {"containers": [container], "timeoutSeconds": seconds, "responseStartTimeoutSeconds": seconds}
    spec |= {"enableServiceLinks": False} | ({"volumes": volumes} if volumes else {})
    if "containerConcurrency" in predictor:
        spec["containerConcurrency"] = predictor["containerConcurrency"]
    owner = {"apiVersion": VERSION, "kind": "InferenceService", "name": name, "uid": metadata.get("uid", "")}
    return {
        "apiVersion": KNATIVE,
        "kind": "Service",
        "metadata": {
            "name": f"{name}-predictor",
            "namespace": metadata["namespace"],
            "labels": labels,
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
        },
        "spec": {
            "template": {
                "metadata": {"labels": labels, "annotations": _annotations(service, runtime)},
                "spec": spec,
            },
            "traffic": [{"latestRevision": True, "percent": 100}],
        },
    }


def _annotations(service: Object, runtime: Object | None) -> dict[str, str]:
    predictor = service["spec"]["predictor"]
    made = {f"{SCALING}/class": f"kpa.{SCALING}"}
    made |= dict((runtime or {"spec": {}})["spec"].get("annotations", {}))
    made |= service["metadata"].get("annotations", {})
    made[f"{SCALING}/min-scale"] = str(predictor.get("minReplicas", 1))
    if predictor.get("maxReplicas"):
        made[f"{SCALING}/max-scale"] = str(predictor["maxReplicas"])
    if "scaleMetric" in predictor:
        made[f"{SCALING}/metric"] = predictor["scaleMetric"]
    if "scaleTarget" in predictor:
        made[f"{SCALING}/target"] = str(predictor["scaleTarget"])
    if source := predictor.get("model", {}).get("storageUri"):
        made["internal.serving.kserve.io/storage-initializer-sourceuri"] = source
    return made


def _container(name: str, predictor: Object, runtime: Object | None) -> Object:
    if runtime is None:
        own = next(each for each in predictor["containers"] if each["name"] == CONTAINER)
        return _limited({**own, "env": [*own.get("env", []), _named(name)]})
    model = predictor["model"]
    base = next(each for each in runtime["spec"]["containers"] if each["name"] == CONTAINER)
    given = {key: model[key] for key in ("resources", "image") if key in model}
    merged = {**base, **given}
    for key in ("args", "env", "volumeMounts"):
        merged[key] = [*base.get(key, []), *model.get(key, [])]
    merged["args"] = [each.replace("{{.Name}}", name) for each in merged["args"]]
    merged["env"].append(_named(name))
    return _limited(merged)


def _named(name: str) -> Object:
    return {"name": "INFERENCE_SERVICE_NAME", "value": name}


def _limited(container: Object) -> Object:
    """KServe's default: a limit of one CPU where none is given."""
    resources = container.get("resources", {})
    return {**container, "resources": {**resources, "limits": {"cpu": "1", **resources.get("limits", {})}}}


class KServeDouble:
    """Keeps the Knative Services of a cluster as its InferenceServices want them, and tells these how they are."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._reconcile_for_ever, name="kserve-double")

    def start(self) -> None:
        """Reconciles from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it."""
        self._ended.set()
        self._thread.join()

    def _reconcile_for_ever(self) -> None:
        while not self._ended.wait(INTERVAL):
            for service in self._api.find(VERSION, "InferenceService"):
                try:
                    self._reconcile(service)
                except ClusterError as error:
                    self._tell(service, "", "False", error.cause)

    def _reconcile(self, service: Object) -> None:
        if "deletionTimestamp" in service["metadata"]:
            return
        live = self._api.apply(knative_service(service, self._runtime(service)), manager="kserve", force=True)
        ready = condition(live, "Ready") or "Unknown"
        current = live.get("status", {}).get("observedGeneration") == live["metadata"]["generation"]
        self._tell(service, live.get("status", {}).get("url", ""), ready if current else "Unknown")

    def _tell(self, service: Object, url: str, ready: str, message: str = "") -> None:
        told = {"type": "Ready", "status": ready} | ({"message": message} if message else {})
        status = {"url": url, "conditions": [told], "observedGeneration": service["metadata"]["generation"]}
        if any(service.get("status", {}).get(key) != value for key, value in status.items()):
            self._api.patch(service, {"status": status}, "/status")

    def _runtime(self, service: Object) -> Object | None:
        name = service["spec"]["predictor"].get("model", {}).get("runtime")
        if name is None:
            return None
        place = {"name": name, "namespace": service["metadata"]["namespace"]}
        found = self._api.get({"apiVersion": RUNTIME_VERSION, "kind": "ServingRuntime", "metadata": place})
        if found is None:
            raise ClusterError(f"there is no ServingRuntime {name}", "apply it first")
        return found
