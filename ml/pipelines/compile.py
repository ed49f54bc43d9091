"""Compile the pipelines to IR YAML for a cluster: `codeintel pipeline compile`."""

import warnings
from pathlib import Path

from ml.pipelines.names import IMAGE

COMPILED = Path(__file__).parent / "compiled"


def compile_pipelines(folder: Path = COMPILED, registry: str = "") -> list[Path]:
    """Write learning.yaml and indexing.yaml, and return the files. The output is reproducible byte for byte.

    `registry` is the prefix under which `make images` pushed the stages' image; a task can't set it at run time.
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
            if registry:
                file.write_text(file.read_text().replace(f"image: {IMAGE}", f"image: {registry.rstrip('/')}/{IMAGE}"))
            files.append(file)
    return files
