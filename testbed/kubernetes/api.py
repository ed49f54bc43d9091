"""A thin client of a Kubernetes API: any kind by its apiVersion, server-side apply, and recorded warnings."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import urllib3
from kubernetes import config
from kubernetes.client import ApiClient, ApiException

from testbed.errors import ClusterError

Object = dict[str, Any]
APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
NOT_FOUND, CONFLICT = 404, 409


class RefusedError(ClusterError):
    """The API server refused a request; `status` is HTTP's, `cause` its message."""

    def __init__(self, cause: str, status: int) -> None:
        super().__init__(cause, "change the object as the API server says")
        self.status = status

    def __reduce__(self) -> tuple[type[Self], tuple[str, int]]:  # type: ignore[override]
        return type(self), (self.cause, self.status)


class Api:
    """A client of the cluster in a kubeconfig; thread-safe."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.warnings: list[str] = []
        self._client: ApiClient = _client(kubeconfig)
        self._kinds: dict[str, dict[str, Object]] = {}
        self._lock = threading.Lock()

    def version(self) -> str:
        """Return the API server's version, such as v1.37.2. Raise ClusterError if it does not answer."""
        return str(self.request("GET", "/version")["gitVersion"])

    def request(self, method: str, path: str, body: Any = None, content: str = "application/json", **query: str) -> Any:
        """Send a request and return the parsed answer. Raise RefusedError with the API server's message."""
        return json.loads(self._send(method, path, body, content, "application/json", query) or "{}")

    def text(self, path: str, **query: str) -> str:
        """Return a path's raw text, such as a pod's log."""
        return self._send("GET", path, None, "application/json", "*/*", query).decode()

    def apply(self, thing: Object, manager: str = "tests", force: bool = False, dry_run: bool = False) -> Object:
        """Apply an object by server-side apply and return the live one."""
        query = {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        try:
            answer: Object = self.request("PATCH", self.path(thing), thing, APPLY, **query)
        except RefusedError as error:
            if error.status == NOT_FOUND:  # no such namespace, or no such kind any longer
                self._kinds.pop(thing["apiVersion"])
                self._resource(thing["apiVersion"], thing["kind"])
            raise
        return answer

    def create(self, thing: Object) -> Object:
        """Create an object (reviews have no name) and return the live one."""
        collection = self.collection(thing["apiVersion"], thing["kind"], thing.get("metadata", {}).get("namespace"))
        answer: Object = self.request("POST", collection, thing)
        return answer

    def patch(self, thing: Object, change: Object, subresource: str = "") -> Object:
        """Merge-patch an object or its status."""
        answer: Object = self.request("PATCH", self.path(thing) + subresource, change, MERGE)
        return answer

    def get(self, thing: Object) -> Object | None:
        """Return the live object of the same kind, namespace and name, or None."""
        return self._unless_gone(self.path(thing))

    def find(self, version: str, kind: str, namespace: str | None = None, **query: str) -> list[Object]:
        """Return the live objects of a kind, in one namespace or all; empty if the kind is no longer served."""
        found = self._unless_gone(self.collection(version, kind, namespace), **query)
        return [{"apiVersion": version, "kind": kind, **item} for item in found["items"]] if found else []

    def delete(self, thing: Object, propagation: str = "Foreground") -> None:
        """Delete an object, if it exists."""
        try:
            self.request("DELETE", self.path(thing), {"propagationPolicy": propagation})
        except RefusedError as error:
            if error.status != NOT_FOUND:
                raise

    def path(self, thing: Object) -> str:
        """Return the path of an object."""
        metadata = thing["metadata"]
        return f"{self.collection(thing['apiVersion'], thing['kind'], metadata.get('namespace'))}/{metadata['name']}"

    def collection(self, version: str, kind: str, namespace: str | None = None) -> str:
        """Return the path of a kind's objects. Raise ClusterError for an unknown kind."""
        resource = self._resource(version, kind)
        within = f"/namespaces/{namespace}" if namespace and resource["namespaced"] else ""
        return f"{_root(version)}{within}/{resource['name']}"

    def namespaced(self, thing: Object) -> bool:
        """Return whether a kind is namespaced."""
        return bool(self._resource(thing["apiVersion"], thing["kind"])["namespaced"])

    def preferred_kinds(self) -> list[tuple[str, str]]:
        """Return (apiVersion, kind) of everything listable and deletable, each group at its preferred version."""
        groups = self.request("GET", "/apis")["groups"]
        versions = ["v1", *(group["preferredVersion"]["groupVersion"] for group in groups)]
        return [
            (version, resource["kind"])
            for version in versions
            for resource in (self._unless_gone(_root(version)) or {"resources": []})["resources"]
            if {"list", "delete"} <= set(resource["verbs"]) and "/" not in resource["name"]
        ]

    def wait_for(self, thing: Object, name: str) -> None:
        """Wait until one of an object's conditions is True."""
        what = f"{thing['kind']} {thing['metadata']['name']}: {name}"
        self.wait(what, lambda: condition(self.get(thing) or {}, name) == "True")

    def wait(self, what: str, ready: Callable[[], Any], seconds: float = 180) -> Any:
        """Poll `ready` and return its first true result. Raise ClusterError on time-out."""
        end = time.monotonic() + seconds
        while not (found := ready()):
            if time.monotonic() > end:
                raise ClusterError(f"{what} did not come within {seconds:.0f} s", "look at the objects and the logs")
            time.sleep(0.05)
        return found

    def _resource(self, version: str, kind: str) -> Object:
        with self._lock:
            known = self._kinds.get(version, {})
        if kind not in known:
            try:
                resources = self.request("GET", _root(version))["resources"]
            except RefusedError as error:
                raise _unknown(version, kind) from error
            known = {resource["kind"]: resource for resource in resources if "/" not in resource["name"]}
            with self._lock:
                self._kinds[version] = known
        if kind not in known:
            raise _unknown(version, kind)
        return known[kind]

    def _unless_gone(self, path: str, **query: str) -> Object | None:
        """Return what is at a path, or None (discovery lists a kind a little longer than it is served)."""
        try:
            answer: Object = self.request("GET", path, **query)
        except RefusedError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return answer

    def _send(self, method: str, path: str, body: Any, content: str, accept: str, query: dict[str, str]) -> bytes:
        try:
            answer = self._client.call_api(
                path,
                method,
                query_params=list(query.items()),
                header_params={"Content-Type": content, "Accept": accept},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=60,
            )
        except ApiException as error:
            raise RefusedError(_message(error), error.status) from error
        except urllib3.exceptions.HTTPError as error:
            raise ClusterError(
                f"the cluster of {self.kubeconfig} does not answer", "start it, or name another"
            ) from error
        self._keep_warnings(answer.headers.getlist("Warning"))
        data: bytes = answer.data
        return data

    def _keep_warnings(self, headers: list[str]) -> None:
        """Keep the text of `299 - "text"`."""
        with self._lock:
            self.warnings += [header.split('"', 1)[-1].rstrip('"') for header in headers]


def key(thing: Object) -> tuple[str, str, str, str]:
    """Return an object's identity: kind, group, namespace, name."""
    metadata = thing["metadata"]
    return thing["kind"], thing["apiVersion"].rpartition("/")[0], metadata.get("namespace", ""), metadata["name"]


def condition(thing: Object, name: str) -> str | None:
    """Return the status (True, False, Unknown) of one of an object's conditions."""
    conditions = thing.get("status", {}).get("conditions") or []
    return next((each["status"] for each in conditions if each["type"] == name), None)


def _client(kubeconfig: Path) -> ApiClient:
    try:
        return config.new_client_from_config(str(kubeconfig))
    except config.ConfigException as error:
        raise ClusterError(f"{kubeconfig} is no kubeconfig ({error})", "name one that `kubectl` works with") from error


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _unknown(version: str, kind: str) -> ClusterError:
    return ClusterError(f"the cluster knows no {kind} of {version}", "install its CustomResourceDefinition first")


def _message(error: ApiException) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return f"{error.status} {error.reason} {error.body or ''}".strip()
