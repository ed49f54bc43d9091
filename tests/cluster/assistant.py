"""The platform's own assistant on real nodes: its StatefulSet as the program writes it, two of it, each with its disk.

What differs: the image is made here, nobody shares adapters, and it waits less for a model that is away. The platform's
own indexer brings what lies in the image to Qdrant first.
"""

import base64
import json
import urllib.request
from typing import Any

from infra.pulumi.components.assistant import INDEXER
from infra.pulumi.names import ASSISTANT, ASSISTANT_KEY, QDRANT_KEY, Namespace
from tests.cluster import python_image
from tests.cluster.api import Api, Object
from tests.cluster.node import Node
from tests.cluster.written import DISK, placed, volume, written

SPACE = Namespace.ASSISTANT
OUTSIDE = "assistant-outside"
COMMAND = [python_image.INTERPRETER, "-c", "from rag_service.cli import main; main()"]
CHANGED = {"CODEINTEL_LLM_TIMEOUT": "5", "CODEINTEL_LLM_REST": "3"}


def apply(api: Api, nodes: list[Node]) -> Object:
    """Index, brings one assistant to each of the nodes, and gives their StatefulSet."""
    for thing in manifests(nodes):
        live = api.apply(thing)
    return live


def address(api: Api, node: Node) -> str:
    """Return where it is reached from outside of the cluster, by way of a node."""
    service = api.get({"apiVersion": "v1", "kind": "Service", "metadata": {"name": OUTSIDE, "namespace": SPACE}})
    assert service
    return f"http://{node.address}:{service['spec']['ports'][0]['nodePort']}"


def key(api: Api) -> str:
    """Return the key that the platform made for its callers."""
    place = {"name": ASSISTANT_KEY.secret, "namespace": SPACE}
    secret = api.get({"apiVersion": "v1", "kind": "Secret", "metadata": place})
    assert secret
    return base64.b64decode(secret["data"][ASSISTANT_KEY.key]).decode()


def ask(url: str, api_key: str, question: str, seconds: float = 30) -> dict[str, Any]:
    """Return an answer."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {api_key}"}
    request = urllib.request.Request(f"{url}/api/ask", json.dumps({"question": question}).encode(), headers)
    with urllib.request.urlopen(request, timeout=seconds) as reply:
        answer: dict[str, Any] = json.load(reply)
    return answer


def audited(node: Node) -> set[str]:
    """Return the ids of the answers that the assistant on a node has on its disk."""
    log = node.root / DISK / ASSISTANT.name / "audit.jsonl"
    return {json.loads(line)["id"] for line in log.read_text().splitlines() if line.strip()} if log.exists() else set()


def manifests(nodes: list[Node]) -> list[Object]:
    """Return the objects in the order in which they are applied; the folder for its data is made on each node."""
    service = written("Service", ASSISTANT.name, SPACE)
    everyone = _changed(written("StatefulSet", ASSISTANT.name, SPACE), len(nodes))
    return [
        *(written("Secret", name, SPACE) for name in (ASSISTANT_KEY.secret, QDRANT_KEY.secret)),
        service,
        _outside(service),
        *(volume(node, everyone["spec"]["volumeClaimTemplates"][0], ASSISTANT.name) for node in nodes),
        _now(written("CronJob", INDEXER, SPACE)),
        everyone,
    ]


def _changed(everyone: Object, replicas: int) -> Object:
    pod = everyone["spec"]["template"]["spec"]
    (server,) = pod["containers"]
    kept = [each for each in server["env"] if each["name"] not in CHANGED]
    environment = [*kept, *({"name": name, "value": value} for name, value in CHANGED.items())]
    requests = {**server["resources"], "requests": {"cpu": "100m", "memory": "256Mi"}}
    everyone["spec"] |= {"replicas": replicas, "podManagementPolicy": "Parallel"}
    image = {"image": python_image.NAME, "command": COMMAND}
    return placed(everyone, None, **image, env=environment, resources=requests)


def _now(cron_job: Object) -> Object:
    """Return the job that a CronJob would make at its time."""
    spec = cron_job["spec"]["jobTemplate"]["spec"]
    spec["template"]["spec"]["containers"][0] |= {"image": python_image.NAME, "command": COMMAND}
    metadata = {"name": f"{INDEXER}-now", "namespace": SPACE}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _outside(service: Object) -> Object:
    metadata = {**service["metadata"], "name": OUTSIDE}
    return {**service, "metadata": metadata, "spec": {**service["spec"], "type": "NodePort"}}
