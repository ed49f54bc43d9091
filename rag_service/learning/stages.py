"""The stages as a pipeline calls them: arguments and report are JSON; settings come from the process's environment."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.errors import PipelineError
from rag_service.learning.dataset import DatasetRequest, make_pairs
from rag_service.learning.evaluate import evaluate_adapter
from rag_service.learning.index import IndexRequest, as_dict, build_indexes
from rag_service.learning.promote import promote_run
from rag_service.learning.train import train_adapter

if TYPE_CHECKING:
    from ml.settings import Settings


def index(settings: "Settings", sources: list[str], pinned: str) -> list[dict[str, Any]]:
    """Index sources, or the repositories of the manifest `pinned` ("": none)."""
    request = IndexRequest(tuple(sources), Path(pinned) if pinned else None)
    return [as_dict(report) for report in build_indexes(settings, request)]


def dataset(settings: "Settings", output: str, size: int, seed: int, repos: list[str], by_hand: str) -> dict[str, Any]:
    """Generate pairs from the repositories, and add those of the file `by_hand` ("": none)."""
    request = DatasetRequest(Path(output), size, seed, tuple(repos), Path(by_hand) if by_hand else None)
    return make_pairs(settings, request).as_dict()


def train(settings: "Settings", dataset: str, epochs: float, max_steps: int) -> dict[str, Any]:
    """Fine-tune on the pairs of a data set; the job's output goes to stderr."""
    from ml.training.recipe import Recipe

    recipe = Recipe(epochs=epochs, max_steps=max_steps)
    return train_adapter(settings, recipe, Path(dataset), progress=_print_aside).as_dict()


def evaluate(settings: "Settings", dataset: str, adapter: str, questions: int) -> dict[str, Any]:
    """Evaluate an adapter, its base and what is deployed."""
    return evaluate_adapter(settings, Path(adapter), Path(dataset), questions).as_dict()


def promote(settings: "Settings", run: str) -> dict[str, Any]:
    """Promote a run's adapter if it passes the gate."""
    return promote_run(settings, Path(run)).as_dict()


STAGES: dict[str, Callable[..., Any]] = {
    function.__name__: function for function in (index, dataset, train, evaluate, promote)
}


def run_stage(name: str, arguments: Mapping[str, Any]) -> Any:
    """Run a stage with the settings of this process and return its report. Raise the stage's errors."""
    from ml.settings import get_settings

    if name not in STAGES:
        raise PipelineError(f"there is no stage {name}", f"choose one of {', '.join(STAGES)}")
    return STAGES[name](get_settings(), **arguments)


def _print_aside(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
