"""The MLflow run of a training run's folder."""

import json
from pathlib import Path

from ml.errors import RegistryError
from ml.registry.tracking import log_run
from ml.training.base_model import BaseModel
from ml.training.job import TrainingData
from ml.training.recipe import Recipe
from ml.training.result import TrainingResult

FILE = "mlflow.json"


def log_once(
    address: str, data: TrainingData, base: BaseModel, recipe: Recipe, result: TrainingResult, repository: Path
) -> str:
    """Log a finished run, as `log_run` does, and return its id; a folder is logged only once."""
    file = result.adapter.parent / FILE
    known = json.loads(file.read_text()) if file.is_file() else {}
    if address not in known:
        known[address] = log_run(address, data, base, recipe, result, repository)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(known, indent=1))
        part.replace(file)
    return str(known[address])


def run_id_of(folder: Path, address: str) -> str:
    """Return the id of a folder's run at an address. Raise RegistryError if it was not logged there."""
    try:
        return str(json.loads((folder / FILE).read_text())[address])
    except (OSError, ValueError, KeyError) as error:
        raise RegistryError(
            f"the run in {folder} is not in MLflow at {address}", "train it with `codeintel train`, which logs it"
        ) from error
