"""What a real cluster has around its control plane: a default storage class with its provisioner, and a load balancer."""

from testbed.kubernetes.api import Api, Object

CLASS = "simulated"
DEFAULT = {"storageclass.kubernetes.io/is-default-class": "true"}
STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": CLASS, "annotations": DEFAULT},
    "provisioner": CLASS,
}
ADDRESS = "192.0.2.10"  # reserved for documentation (RFC 5737)


class Volumes:
    """A provisioner of the default class: each claim gets a volume, which ends with it."""

    def __init__(self, api: Api) -> None:
        self.api = api
        api.apply(STORAGE_CLASS)

    def step(self) -> None:
        """Provision and remove what is due."""
        for claim in self.api.find("v1", "PersistentVolumeClaim"):
            if claim["spec"].get("storageClassName") == CLASS and claim["status"]["phase"] == "Pending":
                self.api.apply(_volume(claim))
        for volume in self.api.find("v1", "PersistentVolume"):
            if volume["spec"]["storageClassName"] == CLASS and volume["status"].get("phase") == "Released":
                self.api.delete(volume)


def _volume(claim: Object) -> Object:
    place = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"pvc-{place['uid']}", "annotations": {"pv.kubernetes.io/provisioned-by": CLASS}},
        "spec": {
            "capacity": claim["spec"]["resources"]["requests"],
            "accessModes": claim["spec"]["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": CLASS,
            "csi": {"driver": CLASS, "volumeHandle": place["uid"]},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                **{name: place[name] for name in ("name", "namespace", "uid")},
            },
        },
    }


class LoadBalancer:
    """A load balancer: each service of its type gets an address."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def step(self) -> None:
        """Give an address to each service that has none."""
        for service in self.api.find("v1", "Service"):
            if service["spec"]["type"] == "LoadBalancer" and not service["status"]["loadBalancer"].get("ingress"):
                given = {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}
                self.api.patch(service, {"status": given}, "/status")
