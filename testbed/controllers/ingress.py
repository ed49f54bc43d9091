"""Traefik as Knative's ingress: a process on a node's own network, with the permissions of its provider."""

import sys
from pathlib import Path

from testbed.kubernetes.api import Api, Object
from testbed.kubernetes.workloads import rights
from testbed.machines.node import Node

SPACE, NAME = "traefik", "traefik"
PORT, OUTSIDE = 8088, 8089  # for clients inside and outside the cluster
PROGRAM = Path(sys.executable).with_name("traefik")
RULES = [
    {"apiGroups": [""], "resources": ["services", "secrets", "nodes", "pods"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    {
        "apiGroups": ["networking.internal.knative.dev"],
        "resources": ["ingresses", "ingresses/status"],
        "verbs": ["get", "list", "watch", "update", "patch"],
    },
]


def start(api: Api, node: Node) -> str:
    """Start it on a node and return its address."""
    for thing in manifests(node.address):
        api.apply(thing)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": SPACE}}
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 86400}}
    token = api.request("POST", f"{api.path(account)}/token", request)["status"]["token"]
    server = f"https://{node.network.gateway}:{node.plane.ports['api']}"
    provider = {
        "endpoint": server,
        "token": token,
        "certauthfilepath": node.plane.authority.pair.certificate,
        "privateentrypoints": "inside",
        "publicentrypoints": "outside",
        "privateservice.name": NAME,
        "privateservice.namespace": SPACE,
        "publicservice.name": NAME,
        "publicservice.namespace": SPACE,
    }
    node.run(
        NAME,
        PROGRAM,
        "--experimental.knative=true",
        f"--entrypoints.inside.address=:{PORT}",
        f"--entrypoints.outside.address=:{OUTSIDE}",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        *(f"--providers.knative.{name}={value}" for name, value in provider.items()),
    )
    return f"http://{node.address}:{PORT}"


def manifests(address: str) -> list[Object]:
    """Return its RBAC objects, and the Service through which pods reach it."""
    name = {"name": NAME, "namespace": SPACE}
    slice_labels = {"kubernetes.io/service-name": NAME, "endpointslice.kubernetes.io/managed-by": "tests"}
    return [
        *rights(NAME, SPACE, RULES),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": name,
            "spec": {"ports": [{"name": "http", "port": 80, "targetPort": PORT}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": f"{NAME}-1", "namespace": SPACE, "labels": slice_labels},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
            "ports": [{"name": "http", "port": PORT, "protocol": "TCP"}],
        },
    ]
