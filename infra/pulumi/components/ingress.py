"""The way in from outside: an Ingress with TLS for each page that has a host, and the authority that signs for them."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.entrance import Acme, Authority
from infra.pulumi.names import ASSISTANT, GRAFANA, LANGFUSE, Namespace, Service
from infra.pulumi.parts.custom import custom_object
from infra.pulumi.parts.secret import encoded, secret
from infra.pulumi.parts.site import Site

API = "cert-manager.io/v1"
ISSUER, SELF_SIGNED, CA, ACCOUNT = "codeintel", "codeintel-self-signed", "codeintel-ca", "codeintel-acme"
TEN_YEARS = "87600h"


class Ingress(pulumi.ComponentResource):
    """Nothing without a host."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Ingress", "ingress", None, opts)
        self.site, mine = site, pulumi.ResourceOptions(parent=self)
        if site.settings.ingress.open:
            issuer = self._issuer(mine)
            for service, host in pages(site):
                self._page(service, host, pulumi.ResourceOptions(parent=self, depends_on=[issuer]))
        self.register_outputs({})

    def _issuer(self, opts: pulumi.ResourceOptions) -> pulumi.Resource:
        chosen = self.site.settings.ingress
        if chosen.acme:
            return self._object("ClusterIssuer", ISSUER, acme(chosen.acme, chosen.class_name), opts)
        first = [self._given(chosen.ca, opts)] if chosen.ca else self._made(opts)
        after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=first))
        return self._object("ClusterIssuer", ISSUER, {"ca": {"secretName": CA}}, after)

    def _given(self, ca: Authority, opts: pulumi.ResourceOptions) -> pulumi.Resource:
        data = encoded({"tls.crt": ca.certificate, "tls.key": ca.key.get_secret_value()})
        return secret(self.site, Namespace.CERT_MANAGER, CA, data, opts, "kubernetes.io/tls")

    def _made(self, opts: pulumi.ResourceOptions) -> Sequence[pulumi.Resource]:
        """Have cert-manager make an authority, whose certificate browsers have to be told to trust."""
        root = self._object("ClusterIssuer", SELF_SIGNED, {"selfSigned": {}}, opts)
        spec = {
            "isCA": True,
            "commonName": CA,
            "secretName": CA,
            "duration": TEN_YEARS,
            "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Never"},
            "issuerRef": {"kind": "ClusterIssuer", "name": SELF_SIGNED},
        }
        after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[root]))
        return [self._object("Certificate", CA, spec, after, Namespace.CERT_MANAGER)]

    def _page(self, service: Service, host: str, opts: pulumi.ResourceOptions) -> None:
        name = f"{service.name}-tls"
        issuer = {"kind": "ClusterIssuer", "name": ISSUER}
        spec = {"secretName": name, "dnsNames": [host], "issuerRef": issuer}
        self._object("Certificate", name, spec, opts, service.namespace)
        chosen = self.site.settings.ingress
        port = k8s.networking.v1.ServiceBackendPortArgs(number=service.port)
        backend = k8s.networking.v1.IngressBackendArgs(
            service=k8s.networking.v1.IngressServiceBackendArgs(name=service.name, port=port)
        )
        path = k8s.networking.v1.HTTPIngressPathArgs(path="/", path_type="Prefix", backend=backend)
        rule = k8s.networking.v1.IngressRuleArgs(
            host=host, http=k8s.networking.v1.HTTPIngressRuleValueArgs(paths=[path])
        )
        k8s.networking.v1.Ingress(
            f"{service.namespace}-{service.name}",
            # Not awaited: many controllers report no address.
            metadata=self.site.meta(
                service.name, service.namespace, annotations={**chosen.annotations, "pulumi.com/skipAwait": "true"}
            ),
            spec=k8s.networking.v1.IngressSpecArgs(
                ingress_class_name=chosen.class_name,
                tls=[k8s.networking.v1.IngressTLSArgs(hosts=[host], secret_name=name)],
                rules=[rule],
            ),
            opts=opts,
        )

    def _object(
        self, kind: str, name: str, spec: dict[str, Any], opts: pulumi.ResourceOptions, namespace: str | None = None
    ) -> pulumi.Resource:
        metadata = {"name": name, "namespace": namespace}
        return custom_object(self.site, {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}, opts)


def pages(site: Site) -> Sequence[tuple[Service, str]]:
    """Return the services that are reached from outside, with their hosts."""
    hosts = site.settings.ingress.hosts
    offered = (
        ("assistant", ASSISTANT, hosts.assistant),
        ("observability", GRAFANA, hosts.grafana),
        ("langfuse", LANGFUSE, hosts.langfuse),
    )
    return [(service, host) for part, service, host in offered if host and site.settings.components.installs(part)]


def acme(settings: Acme, ingress_class: str) -> dict[str, Any]:
    """Return the specification of an issuer that proves the names by HTTP."""
    solver = {"http01": {"ingress": {"ingressClassName": ingress_class}}}
    return {
        "acme": {
            "server": settings.server,
            "email": settings.email,
            "privateKeySecretRef": {"name": ACCOUNT},
            "solvers": [solver],
        }
    }
