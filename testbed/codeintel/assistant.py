"""The platform's own assistant on real nodes: its StatefulSet as the program writes it, two of it, each with its disk.

Differences: the image is built here, no adapters are shared, and it waits less for an unavailable model. The platform's
own indexer first indexes the code in the image into Qdrant.
"""

import base64
import json
import urllib.request
from typing import Any

from infra.pulumi.components.assistant import INDEXER
from infra.pulumi.names import ASSISTANT, ASSISTANT_KEY, QDRANT_KEY, Namespace
from testbed.codeintel.written import DISK, placed, volume, written
from testbed.kubernetes.api import Api, Object
from testbed.machines import python_image
from testbed.machines.node import Node

SPACE = Namespace.ASSISTANT
OUTSIDE = "assistant-outside"
COMMAND = [python_image.INTERPRETER, "-c", "from rag_service.cli import main; main()"]
CHANGED = {"CODEINTEL_LLM_TIMEOUT": "5", "CODEINTEL_LLM_REST": "3"}


def apply(api: Api, nodes: list[Node]) -> Object:
    """Index, deploy one assistant to each of the nodes, and return their StatefulSet."""
    for thing in manifests(nodes):
        live = api.apply(thing)
    return live


def address(api: Api, node: Node) -> str:
    """Return its address from outside the cluster, through a node."""
    service = api.get({"apiVersion": "v1", "kind": "Service", "metadata": {"name": OUTSIDE, "namespace": SPACE}})
    assert service
    return f"http://{node.address}:{service['spec']['ports'][0]['nodePort']}"


def key(api: Api) -> str:
    """Return the generated API key."""
    place = {"name": ASSISTANT_KEY.secret, "namespace": SPACE}
    secret = api.get({"apiVersion": "v1", "kind": "Secret", "metadata": place})
    assert secret
    return base64.b64decode(secret["data"][ASSISTANT_KEY.key]).decode()


def ask(url: str, api_key: str, question: str, seconds: float = 30) -> dict[str, Any]:
    """Ask a question and return the answer."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {api_key}"}
    request = urllib.request.Request(f"{url}/api/ask", json.dumps({"question": question}).encode(), headers)
    with urllib.request.urlopen(request, timeout=seconds) as reply:
        answer: dict[str, Any] = json.load(reply)
    return answer


def audited(node: Node) -> set[str]:
    """Return the ids of the answers in the audit log of a node's assistant."""
    log = node.root / DISK / ASSISTANT.name / "audit.jsonl"
    return {json.loads(line)["id"] for line in log.read_text().splitlines() if line.strip()} if log.exists() else set()


def manifests(nodes: list[Node]) -> list[Object]:
    """Return the objects in the order in which to apply them; create the data folder on each node."""
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
    """Return the Job that a CronJob would create now."""
    spec = cron_job["spec"]["jobTemplate"]["spec"]
    spec["template"]["spec"]["containers"][0] |= {"image": python_image.NAME, "command": COMMAND}
    metadata = {"name": f"{INDEXER}-now", "namespace": SPACE}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _outside(service: Object) -> Object:
    metadata = {**service["metadata"], "name": OUTSIDE}
    return {**service, "metadata": metadata, "spec": {**service["spec"], "type": "NodePort"}}
