"""The stack's outputs: what `pulumi stack output NAME` prints; docs/reference.md lists them."""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.pulumi import names
from infra.pulumi.names import SecretKey, Service
from infra.pulumi.settings import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """A service that people reach: its address in the cluster, and by which commands to reach it and read its password."""

    name: str
    component: str
    service: Service
    password: SecretKey | None = None

    @property
    def value(self) -> dict[str, str]:
        """The output's value."""
        space, port = self.service.namespace, self.service.port
        # Ports below 1024 would need root on this side.
        local = port if port >= 1024 else 8000 + port
        reach = f"kubectl -n {space} port-forward svc/{self.service.name} {local}:{port}"
        made = {"address": self.service.url, "reach": reach}
        if self.password:
            secret = f"kubectl -n {space} get secret {self.password.secret}"
            made["password"] = f"{secret} -o jsonpath='{{.data.{self.password.key}}}' | base64 -d"
        return made


PLACES = (
    Place("assistant", "assistant", names.ASSISTANT, names.ASSISTANT_KEY),
    Place("langfuse", "langfuse", names.LANGFUSE, names.LANGFUSE_LOGIN),
    Place("grafana", "observability", names.GRAFANA, names.GRAFANA_ADMIN),
    Place("mlflow", "mlflow", names.MLFLOW),
    Place("pipelines", "pipelines", names.PIPELINES),
    Place("qdrant", "qdrant", names.QDRANT, names.QDRANT_KEY),
)
SLICES = "slices"  # how many slices training takes, for `codeintel pipeline compile --slices`


def outputs(settings: Settings) -> Iterator[tuple[str, dict[str, str] | int]]:
    """Yield the outputs of a stack by name."""
    yield from ((each.name, each.value) for each in PLACES if settings.components.installs(each.component))
    if settings.has_gpu:
        yield SLICES, settings.gpu.offered
