"""The platform's vector store and object store: its StatefulSets as the program writes them, on one node.

SeaweedFS is the real one, from its package. Qdrant, which no package contains, is the double of the tests,
with the same keys, ports and probes; its data is on the pod's volume.
"""

from infra.pulumi.names import OBJECTS, QDRANT, Service
from testbed.codeintel.written import placed, volume, written
from testbed.kubernetes.api import Api, Object
from testbed.machines import python_image
from testbed.machines.images import Image
from testbed.machines.node import Node
from tests.support.s3_server import WEED

SEAWEEDFS = "dev.local/seaweedfs:1"
COMMAND = [python_image.INTERPRETER, f"/{python_image.QDRANT}"]


def images() -> tuple[Image, ...]:
    """Return their images, besides the image of this Python."""
    return (Image(SEAWEEDFS, {"bin/weed": WEED}, ["/bin/weed"]),)


def apply(api: Api, node: Node) -> None:
    """Deploy both to a node, and wait until they are ready."""
    vectors = _server(QDRANT, node, image=python_image.NAME, command=COMMAND, args=["--folder=/qdrant/storage"])
    objects = _server(OBJECTS, node, image=SEAWEEDFS)
    for thing in (*vectors, *objects):
        api.apply(thing)
    for last in (vectors[-1], objects[-1]):
        api.wait(f"{last['metadata']['name']}", lambda last=last: ready(api, last) == 1)  # type: ignore[misc]


def ready(api: Api, stateful_set: Object) -> int:
    """Return the number of ready pods of a StatefulSet."""
    return int((api.get(stateful_set) or {}).get("status", {}).get("readyReplicas", 0))


def _server(service: Service, node: Node, **container: object) -> list[Object]:
    name, namespace = service.name, service.namespace
    server = placed(written("StatefulSet", name, namespace), node, **container)
    disk = volume(node, server["spec"]["volumeClaimTemplates"][0], name)
    return [disk, written("Secret", name, namespace), written("Service", name, namespace), server]
