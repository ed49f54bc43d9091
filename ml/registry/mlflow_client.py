"""The boundary to MLflow: one client, with errors translated, that contacts only the configured server."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ml.errors import RegistryError
from ml.private import private_folder
from ml.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Read by MLflow at each call. Its defaults retry a server that is down for minutes.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
SQLITE = "sqlite:///"
ALREADY_EXISTS, NOT_FOUND, INVALID = "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"


def tracking_address(settings: Settings) -> str:
    """Return the address of MLflow: the configured server, or a SQLite file in the data folder."""
    if settings.mlflow_url:
        return settings.mlflow_url
    folder = Path(settings.data_dir).resolve()
    private_folder(folder)
    return f"{SQLITE}{folder / 'mlflow.db'}"


def open_client(address: str) -> "MlflowClient":
    """Return a client of MLflow's tracking server and registry at an address."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=address, registry_uri=address)


def experiment_id(client: "MlflowClient", name: str) -> str:
    """Return the id of an experiment, creating it if necessary."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=_beside_database(client)))
        except MlflowException as error:
            if error.error_code != ALREADY_EXISTS:
                raise
            return experiment_id(client, name)
    return str(found.experiment_id)


def _beside_database(client: "MlflowClient") -> str | None:
    """Return the artifact location without a server (MLflow's default is the working folder); None: the server's choice."""
    address = str(client.tracking_uri)
    if not address.startswith(SQLITE):
        return None
    return (Path(address.removeprefix(SQLITE)).parent / "mlflow-artifacts").as_uri()


def text_artifact(client: "MlflowClient", run_id: str, path: str) -> str:
    """Read an artifact of a run as text."""
    with tempfile.TemporaryDirectory() as folder:
        return Path(client.download_artifacts(run_id, path, folder)).read_text(encoding="utf-8")


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Translate errors of MLflow into RegistryError."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        # An error without a status is a connection error.
        away = "API request" in str(error) and "failed with exception" in str(error)
        cause = f"MLflow at {address} does not answer" if away else f"MLflow at {address}: {_first_line(error)}"
        raise RegistryError(
            cause, "start it or set mlflow_url" if away else "check it there, then try again"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
