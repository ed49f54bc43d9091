"""The versions of the adapter in MLflow's registry, and which of them is Production."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ml.errors import RegistryError
from ml.evaluation.report import Report, parse_report
from ml.registry.ledger import Entry, open_ledger, predecessor, read_entries, write_entry
from ml.registry.mlflow_client import NOT_FOUND, open_client, text_artifact, translated
from ml.registry.tracking import ADAPTER

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

NAME, PRODUCTION, REPORTS = "codeintel-adapter", "Production", "evaluation"


@dataclass(frozen=True, slots=True)
class Version:
    """A registered adapter: its number, the run that made it, and the tags on it."""

    number: int
    run_id: str
    tags: dict[str, str] = field(default_factory=dict, compare=False)


class Registry:
    """The versions of one adapter. Every method raises RegistryError if MLflow is down or rejects a request."""

    def __init__(self, address: str, name: str = NAME) -> None:
        self.address, self.name = address, name
        self._client = open_client(address)
        with translated(address):
            self._ledger = open_ledger(self._client, name)

    def register(self, run_id: str) -> Version:
        """Register a run's adapter and return its version; a run is registered only once."""
        with translated(self.address):
            for found in self._client.search_model_versions(f"name = '{self.name}' and run_id = '{run_id}'"):
                return _version(found)
            return _version(self._client.create_model_version(self.name, f"runs:/{run_id}/{ADAPTER}", run_id))

    def version(self, number: int) -> Version:
        """Read a version by its number."""
        with translated(self.address):
            return _version(self._client.get_model_version(self.name, str(number)))

    def tag(self, version: Version, tags: dict[str, str]) -> None:
        """Set tags on a version."""
        with translated(self.address):
            for name, value in tags.items():
                self._client.set_model_version_tag(self.name, str(version.number), name, value)

    def add_text(self, version: Version, text: str, path: str) -> None:
        """Add a text to the artifacts of the version's run."""
        with translated(self.address):
            self._client.log_text(version.run_id, text, path)

    def text(self, version: Version, path: str) -> str | None:
        """Return a text from the artifacts of the version's run, or None if there is none."""
        with translated(self.address):
            if path not in {file.path for file in self._client.list_artifacts(version.run_id, str(Path(path).parent))}:
                return None
            return text_artifact(self._client, version.run_id, path)

    def add_file(self, version: Version, file: Path, folder: str) -> None:
        """Add a file to a folder in the artifacts of the version's run."""
        with translated(self.address):
            self._client.log_artifact(version.run_id, str(file), folder)

    def get_file(self, version: Version, path: str, folder: Path) -> Path:
        """Download a file from the artifacts of the version's run into a folder, and return its path."""
        with translated(self.address):
            return Path(self._client.download_artifacts(version.run_id, path, str(folder)))

    def add_report(self, version: Version, report: Report) -> None:
        """Store the report on a version; there is one per data set."""
        self.add_text(version, report.to_json(), _report_path(report.dataset_digest))

    def report(self, version: Version, dataset_digest: str) -> Report | None:
        """Return the report on a version for a data set, or None if it was not evaluated on that one."""
        text = self.text(version, _report_path(dataset_digest))
        return None if text is None else parse_report(text)

    def production(self) -> Version | None:
        """Return the version with the alias Production, which is the one to serve, or None for the base model alone."""
        from mlflow.exceptions import MlflowException

        with translated(self.address):
            try:
                return _version(self._client.get_model_version_by_alias(self.name, PRODUCTION))
            except MlflowException as error:
                # The error code differs between a server and a local database.
                if error.error_code in (NOT_FOUND, "INVALID_PARAMETER_VALUE"):
                    return None
                raise

    def download(self, version: Version, folder: Path) -> Path:
        """Download a version's adapter, a PEFT folder, into a folder, and return its path."""
        with translated(self.address):
            return Path(self._client.download_artifacts(version.run_id, ADAPTER, str(folder)))

    def history(self) -> list[Entry]:
        """Return every change of Production, oldest first."""
        with translated(self.address):
            return read_entries(self._client, self._ledger)

    def succeed(self, after: int, version: Version) -> bool:
        """Make a version Production if generation `after` is still in force, and return whether it was.

        Of any number of callers with the same `after`, exactly one gets True.
        """
        return self._append(Entry(after + 1, version.number))

    def rollback(self) -> Version | None:
        """Make the previous version Production again, and return it, or None for the base model alone.

        Raise RegistryError if there is nothing to roll back, or another change came first.
        """
        entries = self.history()
        if not entries or not entries[-1].version:
            raise RegistryError(f"no version of {self.name} is Production", "there is nothing to roll back")
        if not self._append(Entry(entries[-1].generation + 1, predecessor(entries), rollback=True)):
            raise RegistryError("Production has just changed", "look at it again before you roll back")
        return self.production()

    def settle(self) -> None:
        """Set the alias and the tag to what the ledger says, in case a process died before setting them."""
        head = self._settled_alias()
        with translated(self.address):
            for found in self._client.search_model_versions(f"name = '{self.name}'"):
                tagged, wanted = PRODUCTION in found.tags, int(found.version) == head
                if wanted and not tagged:
                    self._tag_production(str(found.version))
                if tagged and not wanted:
                    self._client.delete_model_version_tag(self.name, str(found.version), PRODUCTION)

    def _tag_production(self, version: str) -> None:
        """Set the tag; if another process sets it at the same moment, MLflow's database rejects this one, which is fine."""
        from mlflow.exceptions import MlflowException

        try:
            self._client.set_model_version_tag(self.name, version, PRODUCTION, "true")
        except MlflowException:
            if PRODUCTION not in self._client.get_model_version(self.name, version).tags:
                raise

    def _append(self, entry: Entry) -> bool:
        with translated(self.address):
            written = write_entry(self._client, self._ledger, entry)
        self.settle()
        return written

    def _settled_alias(self) -> int:
        """Set the alias until the ledger, read afterwards, still agrees: so the last writer has seen the head."""
        while True:
            entries = self.history()
            head = entries[-1].version if entries else 0
            present = self.production()
            if (present.number if present else 0) == head:
                return head
            with translated(self.address):
                if head:
                    self._client.set_registered_model_alias(self.name, PRODUCTION, str(head))
                else:
                    self._client.delete_registered_model_alias(self.name, PRODUCTION)


def _version(found: "ModelVersion") -> Version:
    return Version(int(found.version), str(found.run_id), dict(found.tags))


def _report_path(dataset_digest: str) -> str:
    return f"{REPORTS}/{dataset_digest[:16]}.json"
