"""Compiles the pipelines to IR YAML, which a cluster takes: `codeintel pipeline compile`."""

import warnings
from pathlib import Path

COMPILED = Path(__file__).parent / "compiled"


def compile_pipelines(folder: Path = COMPILED) -> list[Path]:
    """Writes learning.yaml and indexing.yaml, and gives the files. The same code gives the same bytes."""
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
            files.append(file)
    return files
