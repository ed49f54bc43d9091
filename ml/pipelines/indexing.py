"""Indexing beyond one machine: a stage for each shard of the repositories, all into one Qdrant collection.

The embedded store allows one writer, so this needs a Qdrant server, whose collection has shards and replicas
(`store_shards`, `store_replicas`). Each stage does what `codeintel index PATH_OR_URL…` does; `dsl.ParallelFor` distributes
the work.
"""

from kfp import dsl

from ml.pipelines.image import configure_for_cluster
from ml.pipelines.learning import build_code_index

AT_ONCE = 2  # what the platform's one node has left beside its own pods; `compile_pipelines` takes another number
MEMORY = ("2Gi", "4Gi")  # request and limit: a stage holds one batch of files, as the platform's nightly indexer does


@dsl.pipeline(name="indexing", description="Many repositories into one collection, shard by shard, in parallel.")
def indexing(shards: list) -> None:  # type: ignore[type-arg]
    """Index shards, each a list of paths or URLs, into the index that the settings name."""
    with dsl.ParallelFor(shards, parallelism=AT_ONCE) as sources:
        stage = build_code_index(sources=sources, pinned="")
        configure_for_cluster(stage, retries=3, workspace=False, indexes=True)
        stage.set_memory_request(MEMORY[0]).set_memory_limit(MEMORY[1])


def split_into_shards(sources: list[str], count: int) -> list[list[str]]:
    """Split repositories into `count` shards of equal size, give or take one, deterministically."""
    return [shard for number in range(count) if (shard := sorted(sources)[number::count])]
