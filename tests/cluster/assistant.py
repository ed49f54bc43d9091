"""The platform's own assistant on real nodes: its StatefulSet as the program writes it, two of it, each with its disk.

What differs: the image is made here, the index lies in each one's own volume (no Qdrant server can be had here) and is
built before it starts, nobody shares adapters, and it waits less for a model that is away.
"""

import base64
import json
import urllib.request
from typing import Any

from infra.pulumi.names import ASSISTANT, ASSISTANT_KEY, Namespace
from tests.cluster import python_image
from tests.cluster.api import Api, Object
from tests.cluster.node import Node
from tests.infra.recorder import recorded

SPACE = Namespace.ASSISTANT
STORAGE = "own-disk"
DISK = "var/lib/kubelet/codeintel"  # on the node's disk, which it keeps without power
CODE = "ml"
OUTSIDE = "assistant-outside"
COMMAND = [python_image.INTERPRETER, "-c", "from rag_service.cli import main; main()"]
LEFT_OUT = {"CODEINTEL_STORE_API_KEY", "CODEINTEL_LLM_ADAPTER_DIR"}
CHANGED = {"CODEINTEL_STORE": "/data/store", "CODEINTEL_LLM_TIMEOUT": "5", "CODEINTEL_LLM_REST": "3"}


def apply(api: Api, nodes: list[Node]) -> Object:
    """Brings one assistant to each of the nodes and gives its StatefulSet."""
    for thing in manifests(nodes):
        live = api.apply(thing)
    return live


def address(api: Api, node: Node) -> str:
    """Gives where it is reached from outside of the cluster, by way of a node."""
    service = api.get({"apiVersion": "v1", "kind": "Service", "metadata": {"name": OUTSIDE, "namespace": SPACE}})
    assert service
    return f"http://{node.address}:{service['spec']['ports'][0]['nodePort']}"


def key(api: Api) -> str:
    """Gives the key that the platform made for its callers."""
    place = {"name": ASSISTANT_KEY.secret, "namespace": SPACE}
    secret = api.get({"apiVersion": "v1", "kind": "Secret", "metadata": place})
    assert secret
    return base64.b64decode(secret["data"][ASSISTANT_KEY.key]).decode()


def ask(url: str, api_key: str, question: str, seconds: float = 30) -> dict[str, Any]:
    """Gives an answer."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {api_key}"}
    request = urllib.request.Request(f"{url}/api/ask", json.dumps({"question": question}).encode(), headers)
    with urllib.request.urlopen(request, timeout=seconds) as reply:
        answer: dict[str, Any] = json.load(reply)
    return answer


def audited(node: Node) -> set[str]:
    """Gives the ids of the answers that the assistant on a node has on its disk."""
    log = node.root / DISK / "audit.jsonl"
    return {json.loads(line)["id"] for line in log.read_text().splitlines() if line.strip()} if log.exists() else set()


def manifests(nodes: list[Node]) -> list[Object]:
    """Gives the objects in the order in which they are applied; the folder for its data is made on each node."""
    state = recorded({"langfuse": False, "mlflow": False})
    ours = {
        (each.inputs["kind"], each.inputs["metadata"]["name"]): each.inputs
        for each in state.resources.values()
        if each.inputs.get("metadata", {}).get("namespace", SPACE) == SPACE and "kind" in each.inputs
    }
    return [
        ours["Namespace", SPACE],
        {name: value for name, value in ours["Secret", ASSISTANT_KEY.secret].items() if name != "data"},
        ours["Service", ASSISTANT.name],
        _outside(ours["Service", ASSISTANT.name]),
        *(_volume(node) for node in nodes),
        _changed(ours["StatefulSet", ASSISTANT.name], len(nodes)),
    ]


def _changed(thing: Object, replicas: int) -> Object:
    spec = thing["spec"]
    pod = spec["template"]["spec"]
    server = pod["containers"][0]
    kept = [each for each in server["env"] if each["name"] not in LEFT_OUT | CHANGED.keys()]
    server["env"] = [*kept, *({"name": name, "value": value} for name, value in CHANGED.items())]
    server |= {"image": python_image.NAME, "command": COMMAND}
    server["resources"]["requests"] = {"cpu": "100m", "memory": "256Mi"}
    server["volumeMounts"] = [each for each in server["volumeMounts"] if each["name"] != "adapters"]
    pod["volumes"] = [each for each in pod["volumes"] if each["name"] != "adapters"]
    probes = ("livenessProbe", "readinessProbe", "startupProbe", "ports")
    indexer = {name: value for name, value in server.items() if name not in probes}
    code = f"/{python_image.PACKAGES}/{CODE}"
    pod["initContainers"] = [{**indexer, "name": "indexer", "args": ["index", "--name", CODE, code]}]
    spec |= {"replicas": replicas, "podManagementPolicy": "Parallel"}
    spec["volumeClaimTemplates"][0]["spec"]["storageClassName"] = STORAGE
    return thing


def _outside(service: Object) -> Object:
    metadata = {**service["metadata"], "name": OUTSIDE}
    return {**service, "metadata": metadata, "spec": {**service["spec"], "type": "NodePort"}}


def _volume(node: Node) -> Object:
    folder = node.root / DISK
    folder.mkdir(parents=True, exist_ok=True)
    on = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node.name]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"data-{node.name}"},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": STORAGE,
            "local": {"path": f"/{DISK}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on]}]}},
        },
    }
