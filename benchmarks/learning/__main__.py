"""Measure the learning loop: `python -m benchmarks.learning --dataset DIR [--steps 8] [--pipeline LOG]`.

Fine-tuning through Kubeflow Trainer's local backend and trl's bare trainer in the same run: tokens a second and peak
memory, limit 10 % apart. With the log of a pipeline (`learning/pipelines/log.txt` in the data folder): what it took beyond its
stages' own time, limit 60 s.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ml.settings import Settings
from ml.training.base_model import BaseModel, open_base_model
from ml.training.job import TrainingData, train
from ml.training.recipe import Recipe
from rag_service.answer.generated.prompt import training_texts

SHARE, OVERHEAD = 0.10, 60.0
CLOCK = re.compile(
    r"^(\d\d):(\d\d):(\d\d)\.\d+ - INFO - (Running pipeline|Executing task|Task .* finished|Pipeline .* finished)"
)
DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class Figure:
    """One of our figures and the bare trainer's."""

    name: str
    ours: float
    theirs: float
    more_is_better: bool

    @property
    def ratio(self) -> float:
        """Ours as a share of theirs."""
        return self.ours / self.theirs

    def __str__(self) -> str:
        held = self.ratio >= 1 - SHARE if self.more_is_better else self.ratio <= 1 + SHARE
        return (
            f"| {self.name} | {self.ours:,.0f} | {self.theirs:,.0f} | {self.ratio:.2f} |{'' if held else ' **over**'}"
        )


def bare(data: TrainingData, base: BaseModel, recipe: Recipe, output: Path) -> dict[str, float]:
    """Run the peer in a process of its own."""
    given = recipe.as_dict() | {
        "train": str(data.train),
        "base": base.path,
        "system": data.system,
        "output": str(output),
    }
    environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.learning.bare", json.dumps(given)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def beside(dataset: Path, steps: int) -> list[Figure]:
    """Train twice, ours first; return tokens a second and peak memory."""
    texts = training_texts(writes=False)
    data = TrainingData.in_folder(dataset, *texts)
    base, recipe = open_base_model(), Recipe(max_steps=steps)
    with tempfile.TemporaryDirectory() as scratch:
        ours = train(data, base, recipe, Path(scratch) / "ours", Settings(), lambda line: None)
        theirs = bare(data, base, recipe, Path(scratch) / "theirs")
    return [
        Figure("tokens/s", ours.tokens_per_second, theirs["tokens"] / theirs["seconds"], more_is_better=True),
        Figure("peak memory, MB", ours.peak_memory_mb, theirs["peak_memory_mb"], more_is_better=False),
    ]


def overhead(log: Path) -> float:
    """Return the seconds of a pipeline run that were spent outside its stages, from kfp's own log."""
    times = [
        (int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3]), found[4])
        for line in log.read_text(encoding="utf-8").splitlines()
        if (found := CLOCK.match(line))
    ]
    begun = [at for at, what in times if what.startswith("Executing")]
    ended = [at for at, what in times if what.startswith("Task")]
    whole = (times[-1][0] - times[0][0]) % DAY
    return float(whole - sum((end - begin) % DAY for begin, end in zip(begun, ended, strict=True)))


def main() -> None:
    """Print the figures as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="what `codeintel dataset` made")
    parser.add_argument("--steps", type=int, default=8, help="steps of both")
    parser.add_argument("--pipeline", type=Path, help="the log of a pipeline's run")
    given = parser.parse_args()
    if given.pipeline:
        print(f"pipeline beyond its stages: {overhead(given.pipeline):.0f} s, limit {OVERHEAD:.0f} s")
    print("| fine-tuning | ours | bare trl | ratio |\n|---|---|---|---|")
    for figure in beside(given.dataset, given.steps):
        print(figure)


if __name__ == "__main__":
    main()
