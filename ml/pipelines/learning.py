"""The learning loop as one pipeline: index_code -> make_dataset -> fine_tune_llm -> evaluate_model -> register_model.

Each stage does what the command in its docstring does (rag_service.learning). The settings (CODEINTEL_…) say where the
shared state is: the index, the runs and the registry. Stages pass artifacts on. In DevOps terms: build, test data, release
candidate, acceptance test, and a promotion that the test decides.

`kfp.local` runs neither what depends on a loop nor the body of an `If`: so the loop over many repositories is a separate
pipeline (indexing.py), and the gate is inside register_model.
"""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Model, Output

from ml.pipelines.image import configure_for_cluster
from ml.pipelines.names import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def build_code_index(sources: list, pinned: str, index: Output[Artifact]):  # type: ignore[no-untyped-def,type-arg]
    """`codeintel index PATH_OR_URL…`, or `codeintel index --pinned FILE`."""
    import json

    from ml.pipelines.stage import run_stage

    made = run_stage("index", sources=sources, pinned=pinned)
    with open(index.path, "w", encoding="utf-8") as file:
        json.dump(made, file, ensure_ascii=False, indent=1)
    index.metadata["chunks"] = sum(one["chunks"] for one in made)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def make_dataset(index: Input[Artifact], size: int, seed: int, by_hand: str, dataset: Output[Dataset]):  # type: ignore[no-untyped-def]
    """`codeintel dataset --size N --seed N --repo R…`."""
    import json

    from ml.pipelines.stage import run_stage

    with open(index.path, encoding="utf-8") as file:
        repos = [made["repository"] for made in json.load(file)]
    made = run_stage("dataset", output=dataset.path, size=size, seed=seed, repos=repos, by_hand=by_hand)
    dataset.metadata.update({name: made[name] for name in ("train", "held_out", "digest")})


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def fine_tune_llm(dataset: Input[Dataset], epochs: float, max_steps: int, run: Output[Model], metrics: Output[Metrics]):  # type: ignore[no-untyped-def]
    """`codeintel train --dataset DIR`; after a kill it goes on from the last checkpoint."""
    import json

    from ml.pipelines.stage import run_stage

    made = run_stage("train", dataset=dataset.path, epochs=epochs, max_steps=max_steps)
    with open(run.path, "w", encoding="utf-8") as file:
        json.dump(made, file)
    run.metadata.update({"folder": made["folder"], "run_id": made["run_id"]})
    metrics.log_metric("held_out_loss_before", made["held_out_loss_before"])
    metrics.log_metric("held_out_loss_after", made["held_out_loss_after"])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def evaluate_model(  # type: ignore[no-untyped-def]
    dataset: Input[Dataset], run: Input[Model], questions: int, page: Output[HTML], metrics: Output[Metrics]
):
    """`codeintel evaluate --dataset DIR --adapter RUN`: the adapter and its base, on the same held-out questions."""
    import shutil

    from ml.pipelines.stage import run_stage

    made = run_stage("evaluate", dataset=dataset.path, adapter=run.metadata["folder"], questions=questions)
    shutil.copyfile(made["report"], page.path)
    page.metadata["file"] = made["report"]
    for name, metric in made["metrics"].items():
        metrics.log_metric(name, metric["mean"])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def register_model(run: Input[Model], page: Input[HTML], decision: Output[Artifact]) -> str:
    """`codeintel promote RUN`: registered above the thresholds, Production if better; refused is a result as well."""
    import json

    from ml.pipelines.stage import run_stage

    made = run_stage("promote", run=run.metadata["folder"])
    with open(decision.path, "w", encoding="utf-8") as file:
        json.dump(made | {"report": page.metadata["file"]}, file, ensure_ascii=False, indent=1)
    return "promoted" if made["promoted"] else "refused"


@dsl.pipeline(name="learning", description="From repositories to an adapter that is promoted, or refused.")
def learning(
    sources: list = [],  # type: ignore[type-arg]  # noqa: B006  # kfp reads the default, and nothing changes it
    pinned: str = "",
    by_hand: str = "",
    size: int = 300,
    seed: int = 7,
    epochs: float = 1.0,
    max_steps: int = -1,
    questions: int = 100,
) -> str:
    """Repository (a list, or a manifest's file) in, the decision out."""
    index = configure_for_cluster(build_code_index(sources=sources, pinned=pinned), retries=2, indexes=True)
    made = make_dataset(index=index.outputs["index"], size=size, seed=seed, by_hand=by_hand)
    dataset = configure_for_cluster(made, cached=True, rated=True)
    pairs = dataset.outputs["dataset"]
    run = configure_for_cluster(fine_tune_llm(dataset=pairs, epochs=epochs, max_steps=max_steps), retries=3, gpus=True)
    # Half an hour of retries: the model may have been evicted from the GPU for the training, and has to come back.
    evaluation = configure_for_cluster(
        evaluate_model(dataset=pairs, run=run.outputs["run"], questions=questions), retries=6
    )
    last = configure_for_cluster(register_model(run=run.outputs["run"], page=evaluation.outputs["page"]), retries=2)
    outcome: str = last.outputs["Output"]
    return outcome
