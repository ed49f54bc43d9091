"""The double of KServe's controller against what the real one, 0.20, was seen to make of two InferenceServices."""

from typing import Any

from tests.cluster.kserve_double import knative_service
from tests.cluster.models import AUTOSCALED, PRODUCTION, autoscaled, production, runtime

SCALING = "autoscaling.knative.dev"
RESOURCES = {
    "requests": {"cpu": "50m", "memory": "32Mi", "nvidia.com/gpu": "1"},
    "limits": {"memory": "64Mi", "nvidia.com/gpu": "1"},
}
OWN_CONTAINER: dict[str, Any] = {
    "metadata": {
        "name": "kpa-test",
        "namespace": "models",
        "uid": "7",
        "annotations": {
            "serving.kserve.io/deploymentMode": "Knative",
            f"{SCALING}/class": f"kpa.{SCALING}",
            f"{SCALING}/window": "12s",
            f"{SCALING}/target-utilization-percentage": "100",
        },
    },
    "spec": {
        "predictor": {
            "minReplicas": 0,
            "maxReplicas": 3,
            "scaleTarget": 1,
            "scaleMetric": "concurrency",
            "containerConcurrency": 1,
            "timeout": 10,
            "containers": [{"name": "kserve-container", "image": "dev.local/model:1", "resources": RESOURCES}],
        }
    },
}


def test_a_container_of_ones_own_becomes_what_kserve_makes() -> None:
    made = knative_service(OWN_CONTAINER, None)
    labels = {"component": "predictor", "serving.kserve.io/inferenceservice": "kpa-test"}
    assert made["metadata"]["name"] == "kpa-test-predictor"
    assert made["metadata"]["namespace"] == "models"
    assert made["metadata"]["labels"] == labels
    assert made["metadata"]["ownerReferences"][0]["kind"] == "InferenceService"
    template = made["spec"]["template"]
    assert template["metadata"]["labels"] == labels
    assert template["metadata"]["annotations"] == OWN_CONTAINER["metadata"]["annotations"] | {
        f"{SCALING}/min-scale": "0",
        f"{SCALING}/max-scale": "3",
        f"{SCALING}/metric": "concurrency",
        f"{SCALING}/target": "1",
    }
    assert {name: template["spec"][name] for name in ("containerConcurrency", "timeoutSeconds")} == {
        "containerConcurrency": 1,
        "timeoutSeconds": 10,
    }
    assert template["spec"]["responseStartTimeoutSeconds"] == 10
    assert template["spec"]["enableServiceLinks"] is False
    (container,) = template["spec"]["containers"]
    assert container["env"] == [{"name": "INFERENCE_SERVICE_NAME", "value": "kpa-test"}]
    assert container["resources"]["limits"] == {"cpu": "1", **RESOURCES["limits"]}
    assert made["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]


def test_a_runtime_gives_its_container_under_the_models_arguments() -> None:
    made = knative_service(production(), runtime())
    template = made["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert container["name"] == "kserve-container"
    assert container["args"][:3] == ["--port=8080", "--model=/mnt/models", f"--served-model-name={PRODUCTION}"]
    assert "--enable-lora" in container["args"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "5"
    assert template["spec"]["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert template["spec"]["tolerations"][0]["key"] == "nvidia.com/gpu"
    annotations = template["metadata"]["annotations"]
    assert annotations["prometheus.kserve.io/port"] == "8080"
    assert (annotations[f"{SCALING}/min-scale"], annotations[f"{SCALING}/max-scale"]) == ("1", "1")


def test_where_the_weights_are_is_left_to_a_webhook() -> None:
    service = production()
    service["spec"]["predictor"]["model"]["storageUri"] = "pvc://models/base"
    annotations = knative_service(service, runtime())["spec"]["template"]["metadata"]["annotations"]
    assert annotations["internal.serving.kserve.io/storage-initializer-sourceuri"] == "pvc://models/base"


def test_the_autoscaling_test_goes_down_to_none() -> None:
    annotations = knative_service(autoscaled(), runtime())["spec"]["template"]["metadata"]["annotations"]
    assert autoscaled()["metadata"]["name"] == AUTOSCALED
    assert annotations[f"{SCALING}/min-scale"] == "0"
    assert annotations[f"{SCALING}/metric"] == "concurrency"
