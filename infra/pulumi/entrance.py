"""How people reach the platform from outside the cluster: the settings `ingress`."""

from typing import Annotated

from pydantic import Field, model_validator

from infra.pulumi.section import Cidr, Secret, Section

HOST = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$"
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"

Host = Annotated[str, Field(pattern=HOST)]


class Hosts(Section):
    """The names of the pages that have a login of their own; a page without a name stays inside."""

    assistant: Host | None = None
    grafana: Host | None = None
    langfuse: Host | None = None


class Authority(Section):
    """Your own certificate authority."""

    certificate: str = Field(min_length=1, description="its certificate, as PEM")
    key: Secret = Field(description="its private key, as PEM")


class Acme(Section):
    """A certificate authority that checks the names by HTTP, such as Let's Encrypt."""

    email: str = Field(description="where it writes before a certificate ends")
    server: str = LETS_ENCRYPT
    addresses: tuple[Cidr, ...] = Field(("0.0.0.0/0",), description="IP addresses of the server and of this ingress")


class Ingress(Section):
    """The way in from outside, by an ingress controller that the cluster has; off without a host.

    Certificates come from an authority that cert-manager makes, unless `ca` or `acme` is set.
    """

    hosts: Hosts = Hosts()
    class_name: str = "traefik"
    namespace: str = Field("kube-system", description="where the ingress controller's pods are")
    annotations: dict[str, str] = Field(
        {"traefik.ingress.kubernetes.io/router.entrypoints": "websecure"},
        description="of each Ingress; by default Traefik serves them by HTTPS alone",
    )
    ca: Authority | None = None
    acme: Acme | None = None

    @property
    def open(self) -> bool:
        """Whether anything is reached from outside."""
        return any(self.hosts.model_dump().values())

    @model_validator(mode="after")
    def _one_authority(self) -> "Ingress":
        if self.ca and self.acme:
            raise ValueError("ingress.ca|and ingress.acme are both set|one of them")
        return self
