"""MLflow: runs, adapters and the registry, on Postgres and the object store."""

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import MLFLOW, OBJECTS, OBJECTS_ID, OBJECTS_KEY, POSTGRES, SecretKey
from infra.pulumi.parts.site import Site
from infra.pulumi.parts.workload import (
    TMP,
    Limits,
    Pod,
    container,
    http_probe,
    scratch,
    selector,
    service,
    template,
)

DATABASE = "mlflow"


class MLflow(pulumi.ComponentResource):
    """One stateless server: its data is in Postgres and the object store."""

    def __init__(
        self,
        site: Site,
        database: k8s.core.v1.Secret,
        objects: k8s.core.v1.Secret,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("codeintel:platform:MLflow", "mlflow", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        service(site, MLFLOW, mine)
        pod = Pod([server(site)], volumes=[scratch("tmp", "2Gi")], reads=[database, objects])
        k8s.apps.v1.Deployment(
            "mlflow",
            metadata=site.meta(MLFLOW.name, MLFLOW.namespace, runs=True),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                # Two servers would both migrate the database during an upgrade.
                strategy=k8s.apps.v1.DeploymentStrategyArgs(type="Recreate"),
                selector=selector(MLFLOW.name),
                template=template(MLFLOW.name, pod),
            ),
            opts=mine,
        )
        self.register_outputs({})


def server(site: Site) -> k8s.core.v1.ContainerArgs:
    """Return the container; it proxies artifacts, so that no client needs the object store's key."""
    hosts = ",".join(f"{name}:{MLFLOW.port}" for name in (MLFLOW.name, MLFLOW.host, f"{MLFLOW.host}.cluster.local"))
    environment: dict[str, str | SecretKey] = {
        "DATABASE_PASSWORD": SecretKey(POSTGRES.name, DATABASE),
        # Kubernetes expands the password; it is in no manifest.
        "MLFLOW_BACKEND_STORE_URI": f"postgresql://{DATABASE}:$(DATABASE_PASSWORD)@{POSTGRES.host}:{POSTGRES.port}/{DATABASE}",
        "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{DATABASE}",
        "MLFLOW_S3_ENDPOINT_URL": OBJECTS.url,
        "AWS_ACCESS_KEY_ID": OBJECTS_ID,
        "AWS_SECRET_ACCESS_KEY": OBJECTS_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
        "MLFLOW_SERVER_ALLOWED_HOSTS": f"{hosts},localhost:{MLFLOW.port}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "HOME": TMP,
    }
    return container(
        "mlflow",
        site.image("mlflow"),
        Limits("200m", "1Gi", "2Gi"),
        command=["mlflow", "server"],
        args=["--host=0.0.0.0", f"--port={MLFLOW.port}", "--workers=2", "--serve-artifacts"],
        env=environment,
        ports={"http": MLFLOW.port},
        mounts={"tmp": TMP},
        ready=http_probe("/health", MLFLOW.port),
        start=http_probe("/health", MLFLOW.port, period=5, failures=60),
    )
