"""Traces in a local viewer: what MLflow's own server makes of the assistant's spans."""

from pathlib import Path

from pydantic import SecretStr

from ml.settings import Settings
from rag_service.answer.asker import Asker
from rag_service.answer.assistant import open_assistant
from tests.support.indexing import index_folder
from tests.support.llm_server import llm_server, says
from tests.support.shop import write_shop

QUESTION = "Where is the number of attempts to charge an order set?"


def test_mlflow_shows_an_answer_with_its_stages_and_tokens(mlflow_server: str, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(mlflow_server)
    experiment = client.create_experiment("traces")
    write_shop(tmp_path / "code")
    settings = Settings(
        store=str(tmp_path / "store"),
        data_dir=str(tmp_path / "data"),
        otlp_url=f"{mlflow_server}/v1/traces",
        otlp_headers=SecretStr(f"x-mlflow-experiment-id={experiment}"),
    )
    index_folder(settings, tmp_path / "code", "shop")
    with llm_server(says("The charger retries [1].")) as llm:
        endpoint = {"llm": "openai", "llm_url": llm.url, "llm_model": "small"}
        with open_assistant(settings.model_copy(update=endpoint)) as assistant:
            assistant.answer(QUESTION, asker=Asker("anna"))
    (trace,) = client.search_traces(locations=[experiment])
    assert {span.name for span in trace.data.spans} == {"answer", "retrieve", "compose", "generate", "cite"}
    assert trace.info.trace_metadata["mlflow.trace.user"] == "anna"
    assert '"input_tokens"' in trace.info.trace_metadata["mlflow.trace.tokenUsage"]
    assert QUESTION in trace.info.request_preview
