"""Compile the pipelines to IR YAML for a cluster: `codeintel pipeline compile`."""

import re
import warnings
from pathlib import Path

from ml.pipelines.names import IMAGE
from ml.training.runtime import SLICES

COMPILED = Path(__file__).parent / "compiled"
AT_ONCE = re.compile(r"(?<=parallelismLimit: )\d+$", re.MULTILINE)
ACCELERATOR = re.compile(rf"(?P<before>^ +(?:resourceC|c)ount: )'{SLICES}'$", re.MULTILINE)


def compile_pipelines(
    folder: Path = COMPILED, registry: str = "", slices: int = SLICES, at_once: int | None = None
) -> list[Path]:
    """Write learning.yaml and indexing.yaml, and return their paths. The same code gives the same bytes.

    `registry` is the prefix under which `make images` pushed the stages' image. `slices` is how many GPUs the cluster
    offers: training requests all of them, as a lock, so with another number it would wait for ever or share the card.
    `at_once` is how many indexing stages run side by side: what the nodes have room for.
    """
    from kfp import compiler

    from ml.pipelines.indexing import indexing
    from ml.pipelines.learning import learning

    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        for pipeline in (learning, indexing):
            file = folder / f"{pipeline.name}.yaml"
            compiler.Compiler().compile(pipeline, str(file))
            file.write_text(_adapted(file.read_text(), registry, slices, at_once))
            files.append(file)
    return files


def _adapted(text: str, registry: str, slices: int, at_once: int | None) -> str:
    """Return a compiled pipeline for another registry, number of slices and of stages at once: no parameter sets these."""
    if registry:
        text = text.replace(f"image: {IMAGE}", f"image: {registry.rstrip('/')}/{IMAGE}")
    if at_once:
        text = AT_ONCE.sub(str(at_once), text)
    return ACCELERATOR.sub(rf"\g<before>'{slices}'", text)
