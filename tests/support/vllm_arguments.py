"""vLLM's command lines as KServe composes them; test_serving.py compares with those of the real controller."""

from testbed.kubernetes.api import Object


def composed(runtime: Object, service: Object) -> list[str]:
    """Return the arguments of an InferenceService's vLLM: the runtime's, with its name filled in, then the model's own."""
    (server,) = runtime["spec"]["containers"]
    named = [arg.replace("{{.Name}}", service["metadata"]["name"]) for arg in server["args"]]
    return [*named, *service["spec"]["predictor"]["model"]["args"]]
