"""A stand-in for the webhooks of controllers whose pods are only simulated: it admits everything.

The API server calls a webhook at the address of one of its service's pods. A route makes the simulated pods' addresses
local, and here a TLS server listens on each that a webhook configuration leads to. What is real: the configurations, and that
their service has a ready pod and the right port. The CA is put into each configuration,
as cert-manager or the controller itself would do.
"""

import base64
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from testbed.kubernetes.api import Api, Object
from testbed.kubernetes.certificates import Authority

GROUP = "admissionregistration.k8s.io/v1"
KINDS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


class Webhooks:
    """Listens for the webhooks of a cluster whose pods have addresses in `network`."""

    def __init__(self, api: Api, authority: Authority, network: str) -> None:
        self.api, self.authority = api, authority
        self.bundle = base64.b64encode(authority.pair.certificate.read_bytes()).decode()
        self.servers: dict[tuple[str, int], ThreadingHTTPServer] = {}
        self.contexts: dict[str, ssl.SSLContext] = {}
        self.route = ("local", network, "dev", "lo")
        subprocess.run(["ip", "route", "replace", *self.route], check=True)

    def step(self) -> None:
        """Listen for each webhook that is configured, and let the API server trust it."""
        for configuration in [each for kind in KINDS for each in self.api.find(GROUP, kind)]:
            clients = [hook["clientConfig"] for hook in configuration.get("webhooks", ())]
            listening = [self._listens(client["service"]) for client in clients if "service" in client]
            if all(listening) and any(client.get("caBundle") != self.bundle for client in clients):
                self._trust(configuration)

    def stop(self) -> None:
        """Close all servers, and make the addresses foreign again."""
        for server in self.servers.values():
            server.shutdown()
            server.server_close()
        subprocess.run(["ip", "route", "delete", *self.route], check=True)

    def _trust(self, configuration: Object) -> None:
        change = [
            {"op": "add", "path": f"/webhooks/{number}/clientConfig/caBundle", "value": self.bundle}
            for number, _ in enumerate(configuration["webhooks"])
        ]
        self.api.request("PATCH", self.api.path(configuration), change, "application/json-patch+json")

    def _listens(self, service: Object) -> bool:
        """Listen at each pod of a webhook's service; return whether there is one."""
        places = list(self._places(service))
        for place in places:
            if place not in self.servers:
                self.servers[place] = self._serve(place)
        return bool(places)

    def _places(self, service: Object) -> Iterator[tuple[str, int]]:
        """Yield address and port of each ready pod of a service, for the service's port that the webhook names."""
        where = {"apiVersion": "v1", "kind": "Service", "metadata": service}
        ports = (self.api.get(where) or {"spec": {"ports": []}})["spec"]["ports"]
        names = {each.get("name", "") for each in ports if each["port"] == service.get("port", 443)}
        selector = f"kubernetes.io/service-name={service['name']}"
        for piece in self.api.find(
            "discovery.k8s.io/v1", "EndpointSlice", service["namespace"], labelSelector=selector
        ):
            for port in [each["port"] for each in piece.get("ports") or () if each.get("name", "") in names]:
                yield from ((each["addresses"][0], port) for each in piece["endpoints"] if each["conditions"]["ready"])

    def _context(self, host: str) -> ssl.SSLContext:
        """Return the context of a service by its name, which the API server sends: a pod's address is used again."""
        if host not in self.contexts:
            pair = self.authority.issue(host, hosts=(host,))
            self.contexts[host] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.contexts[host].load_cert_chain(pair.certificate, pair.key)
        return self.contexts[host]

    def _choose(self, socket: ssl.SSLSocket | ssl.SSLObject, host: str | None, _: ssl.SSLContext) -> None:
        socket.context = self._context(host or "unnamed")

    def _serve(self, place: tuple[str, int]) -> ThreadingHTTPServer:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.sni_callback = self._choose
        server = ThreadingHTTPServer(place, _Admitting)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


class _Admitting(BaseHTTPRequestHandler):
    """Answers each AdmissionReview: allowed, unchanged."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        verdict = {"uid": review["request"]["uid"], "allowed": True}
        answer = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": verdict}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
