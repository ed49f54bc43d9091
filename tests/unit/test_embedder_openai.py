"""The endpoint embedder against a real HTTP server that serves the project's own vectors, or fails on demand."""

import socket

import numpy as np
import pytest

from ml.errors import EmbedderError
from ml.index.embedder import open_embedder
from ml.index.embedder.static import load_static
from ml.settings import Settings
from tests.support.embedding_server import answers, embedding_server, embeds, gives

TEXTS = ["def connect(url): ...", "class Router:", "retry a failed request"]
FAILED = {"error": {"message": "out of memory"}}


def settings(url: str, **others: object) -> Settings:
    return Settings(embedder="openai", embedder_url=url, embedder_model="m", **others)  # type: ignore[arg-type]


def test_vectors_come_back_in_order_and_of_length_one() -> None:
    static = load_static()
    with embedding_server(embeds) as endpoint:
        embedder = open_embedder(settings(endpoint.url))
        assert (embedder.name, embedder.dimension) == ("m", static.dimension)
        np.testing.assert_allclose(embedder.documents(TEXTS), static.documents(TEXTS), atol=1e-5)


def test_many_texts_are_sent_in_batches() -> None:
    with embedding_server(embeds) as endpoint:
        embedder = open_embedder(settings(endpoint.url))
        assert embedder.documents(TEXTS * 50).shape == (150, embedder.dimension)
        assert [len(request["input"]) for request in endpoint.requests] == [1, 64, 64, 22]


def test_only_questions_get_the_prefix() -> None:
    with embedding_server(embeds) as endpoint:
        embedder = open_embedder(settings(endpoint.url, embedder_query_prefix="Query: "))
        embedder.query("where?")
        embedder.documents(["here"])
        assert [request["input"] for request in endpoint.requests[1:]] == [["Query: where?"], ["here"]]


def test_an_empty_question_is_zeros_without_a_call() -> None:
    with embedding_server(embeds) as endpoint:
        embedder = open_embedder(settings(endpoint.url))
        assert not embedder.query(" ").any()
        assert len(endpoint.requests) == 1


def test_a_transient_failure_is_retried() -> None:
    with embedding_server(answers(503, FAILED), answers(429, FAILED), embeds) as endpoint:
        assert open_embedder(settings(endpoint.url)).dimension == load_static().dimension
        assert len(endpoint.requests) == 3


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [
        (answers(500, FAILED), "out of memory"),
        (answers(401, FAILED), "rejects the key"),
        (answers(404, FAILED), "does not have this model"),
        (answers(200, "<html>welcome</html>"), "does not follow the OpenAI API"),
        (answers(200, {"data": [{"index": 0}]}), "unusable vectors"),
        (answers(200, {"data": []}), "does not follow the OpenAI API|unusable vectors"),
        (gives(1.0, float("nan")), "unusable vectors"),
        (gives(), "unusable vectors"),
    ],
)
def test_a_permanent_failure_is_an_error_with_a_cure(behaviour: object, cause: str) -> None:
    with embedding_server(behaviour) as endpoint, pytest.raises(EmbedderError, match=cause) as raised:  # type: ignore[arg-type]
        open_embedder(settings(endpoint.url))
    assert raised.value.cure


def test_a_change_of_dimension_is_an_error() -> None:
    with embedding_server(gives(1.0, 0.0), gives(1.0, 0.0, 0.0)) as endpoint:
        embedder = open_embedder(settings(endpoint.url))
        with pytest.raises(EmbedderError, match="dimension 3 instead of 2"):
            embedder.documents(TEXTS)


def test_an_unreachable_endpoint_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(EmbedderError, match="no connection"):
            open_embedder(settings(f"http://127.0.0.1:{taken.getsockname()[1]}/v1"))


def test_a_slow_endpoint_is_an_error() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(EmbedderError, match="in time"):
            open_embedder(settings(f"http://127.0.0.1:{silent.getsockname()[1]}/v1", embedder_timeout=0.05))
