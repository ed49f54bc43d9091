"""The ledger of Production versions: an append-only sequence whose entries are written exactly once.

MLflow's alias is last-write-wins, so it can't detect two promotions that were both decided against the same Production.
Run parameters can: (run, name) is the primary key of their table, and a second value for the same name is rejected. The
ledger is one run, and the parameter named by the next number goes to the first writer. The alias and the tag are derived
from the ledger: after a crash between the two, the next caller sets them (Registry.settle).
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.errors import RegistryError
from ml.registry.mlflow_client import ALREADY_EXISTS, INVALID, NOT_FOUND, experiment_id

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

EXPERIMENT, TAG = "codeintel-promotions", "codeintel.ledger"
ENTRY = re.compile(r"(?P<rollback>rolled back to )?version (?P<version>\d+)")


@dataclass(frozen=True, slots=True)
class Entry:
    """A change of Production to a version (0: none, the base model alone)."""

    generation: int
    version: int
    rollback: bool = False

    @property
    def text(self) -> str:
        """The entry as stored in MLflow."""
        return f"{'rolled back to ' if self.rollback else ''}version {self.version}"


def open_ledger(client: "MlflowClient", name: str) -> str:
    """Return the id of the ledger run of a registered model, creating both if necessary.

    Raise RegistryError if the model was created by something else.
    """
    from mlflow.exceptions import MlflowException

    try:
        model = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != NOT_FOUND:
            raise
        model = _create(client, name)
    if TAG not in model.tags:
        raise RegistryError(
            f"the registered model {name} was created by something else", "choose another name for yours"
        )
    return str(model.tags[TAG])


def _create(client: "MlflowClient", name: str) -> "RegisteredModel":
    from mlflow.exceptions import MlflowException

    run_id = client.create_run(experiment_id(client, EXPERIMENT), run_name=name).info.run_id
    try:
        return client.create_registered_model(name, tags={TAG: run_id})
    except MlflowException as error:
        client.delete_run(run_id)
        if error.error_code != ALREADY_EXISTS:
            raise
        return client.get_registered_model(name)  # another process was first


def read_entries(client: "MlflowClient", ledger: str) -> list[Entry]:
    """Return all entries, oldest first. Raise RegistryError if one can't be read."""
    entries = []
    for generation, text in sorted(client.get_run(ledger).data.params.items()):
        found = ENTRY.fullmatch(text)
        if not found:
            raise RegistryError(
                f"the ledger {ledger} contains {text!r}", "it was changed by hand: restore MLflow's database"
            )
        entries.append(Entry(int(generation), int(found["version"]), bool(found["rollback"])))
    return entries


def write_entry(client: "MlflowClient", ledger: str, entry: Entry) -> bool:
    """Write the entry of a generation, and return whether no other entry had taken that generation."""
    from mlflow.exceptions import MlflowException

    try:
        client.log_param(ledger, f"{entry.generation:06}", entry.text)
    except MlflowException as error:
        if error.error_code != INVALID:
            raise
        return False
    return True


def predecessor(entries: list[Entry]) -> int:
    """Return the version that was Production before the current one, where each rollback undoes one promotion."""
    stack = [0]
    for entry in entries:
        if entry.rollback:
            stack.pop()
        else:
            stack.append(entry.version)
    return stack[-2] if len(stack) > 1 else 0
