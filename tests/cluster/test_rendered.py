"""Everything that `pulumi up` would create, judged by the API server: schemas, admission, and Pod Security for each pod."""

from collections.abc import Iterable, Iterator

import pytest

from infra.pulumi.names import Namespace
from testbed.kubernetes.api import Api, Object, RefusedError
from testbed.pulumi.pods import RenderedPod, pods
from testbed.pulumi.rendered import Rendered, Renderer, Rendering

# What admission looks up for other objects, so that a dry run needs it for real.
FIRST = ("CustomResourceDefinition", "Namespace", "PriorityClass", "RuntimeClass", "ServiceAccount")
TRIES = "tries"  # the field manager
LEVEL = "pod-security.kubernetes.io/enforce"


@pytest.fixture(scope="module")
def stack(api: Api, renderer: Renderer) -> Iterator[Rendering]:
    """Install what other objects are checked against, of the stack with the GPU; remove it in the end."""
    stack = renderer.stack("gpu")
    made = [each for kind in FIRST for each in stack.of(kind)]
    try:
        for each in made:
            api.apply(each.thing, each.owner.name, force=True)
            if each.kind == "CustomResourceDefinition":
                api.wait_for(each.thing, "Established")
        yield stack
    finally:
        _remove(api, reversed(made))


def _remove(api: Api, made: Iterable[Rendered]) -> None:
    things = [each.thing for each in made]
    for thing in things:
        api.delete(thing, "Background")
    for thing in things:
        api.wait("its end", lambda thing=thing: api.get(thing) is None)  # type: ignore[misc]


def refusal(api: Api, thing: Object) -> str | None:
    """Return why the API server refuses an object, or None."""
    try:
        api.apply(thing, TRIES, force=True, dry_run=True)
    except RefusedError as error:
        return str(error)
    return None


def test_the_api_server_accepts_each_object(api: Api, stack: Rendering) -> None:
    tried = [each for each in stack.objects if each.kind not in FIRST and not each.patches]
    assert len(tried) > 400
    refused = {str(each): why for each in tried if (why := refusal(api, each.thing))}
    assert refused == {}


def example(pod: RenderedPod, number: int) -> Object:
    """Return a pod of a template."""
    metadata = {"name": f"try-{number}", "namespace": pod.namespace, "labels": dict(pod.labels)}
    spec = without_claims(pod.spec)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def without_claims(spec: Object) -> Object:
    """Return a pod specification with what its StatefulSet would add: a volume for each mount."""
    named = {each["name"] for each in spec.get("volumes") or []}
    mounts = {mount["name"] for each in spec["containers"] for mount in each.get("volumeMounts") or []}
    added = [{"name": name, "emptyDir": {}} for name in sorted(mounts - named)]
    return {**spec, "volumes": [*(spec.get("volumes") or []), *added], "restartPolicy": spec.get("restartPolicy")}


def test_each_pod_is_admitted_to_its_namespace(api: Api, stack: Rendering) -> None:
    """Those that operators make too: a workload whose pods Pod Security refuses is accepted, and never has one."""
    every = list(pods(stack))
    assert len(every) > 60
    refused = {str(each): why for number, each in enumerate(every) if (why := refusal(api, example(each, number)))}
    assert refused == {}


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_clickhouse_is_refused_where_pods_are_less_than_privileged(api: Api, stack: Rendering, level: str) -> None:
    """Its operator adds capabilities: this is why its namespace is open."""
    [space] = [each for each in stack.of("Namespace") if each.name == Namespace.LANGFUSE]
    assert space.thing["metadata"]["labels"][LEVEL] == "privileged"
    api.patch(space.thing, {"metadata": {"labels": {LEVEL: level}}})
    try:
        [server] = [each for each in pods(stack) if each.source.kind == "ClickHouseCluster"]
        refused = api.wait("the level", lambda: refusal(api, example(server, 0)))
        assert "non-default capabilities" in refused or "unrestricted capabilities" in refused
    finally:
        api.patch(space.thing, {"metadata": {"labels": {LEVEL: "privileged"}}})
