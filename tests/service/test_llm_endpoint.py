"""The endpoint's chat model against a real HTTP server: every failure is a ModelError, retried where that may help."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from ml.adapters.backends import open_llm
from ml.errors import ModelError
from ml.settings import Settings
from tests.support import llm_server as server


def ask(url: str, *, retries: int = 0, timeout: float = 5.0, rest: float = 10.0) -> Iterator[str]:
    endpoint = {"llm": "openai", "llm_url": url, "llm_model": "m", "llm_timeout": timeout}
    settings = Settings.model_validate({**endpoint, "llm_retries": retries, "llm_rest": rest})
    llm = open_llm(settings)
    assert llm is not None
    for chunk in llm.open(None).stream("Why?"):
        yield chunk.text


def test_an_answer_streams_and_the_request_names_the_model_and_no_key() -> None:
    with server.llm_server(server.says("Be", "cause", ".")) as endpoint:
        assert "".join(ask(endpoint.url)) == "Because."
    assert endpoint.requests[0]["model"] == "m"
    assert endpoint.requests[0]["stream"] is True


FAILURES = {
    "401": (server.refuses(401), "rejects the key"),
    "403": (server.refuses(403), "rejects the key"),
    "404": (server.refuses(404), "no such model"),
    "400": (server.refuses(400, '{"error": {"message": "context too long"}}'), "status 400: .*context too long"),
    "500": (server.refuses(500, "<html>boom</html>"), "status 500"),
    "redirect to nowhere": (server.refuses(302), "status 302"),
    "html instead of a stream": (
        server.sends("<html>", content_type="text/html"),
        "OpenAI's form|returned an empty answer",
    ),
    "invalid JSON": (server.sends("{not json"), "OpenAI's form"),
    "no choices": (server.sends('{"id": "x"}'), "OpenAI's form|returned an empty answer"),
    "choices of another kind": (server.sends('{"choices": "none"}'), "OpenAI's form"),
    "a bare number": (server.sends("42"), "OpenAI's form|returned an empty answer"),
    "an error as an event": (server.sends('{"error": {"message": "out of memory"}}'), "out of memory"),
    "nothing at all": (server.sends(), "returned an empty answer"),
    "empty parts": (server.says("", ""), "returned an empty answer"),
    "broken off": (server.breaks_off("Be"), "no connection|broke off"),
    "ended early": (server.stops_early("Be"), "broke off"),
}


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # the client passes garbage to pydantic
@pytest.mark.parametrize(("behaviour", "cause"), FAILURES.values(), ids=list(FAILURES))
def test_every_failure_of_an_endpoint_is_a_model_error(behaviour: server.Behaviour, cause: str) -> None:
    with server.llm_server(behaviour) as endpoint, pytest.raises(ModelError, match=cause) as error:
        list(ask(endpoint.url))
    assert "\n" not in str(error.value)


def test_an_endpoint_that_is_down_is_a_model_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ModelError, match="no connection"):
        list(ask(f"http://127.0.0.1:{port}/v1"))


@pytest.mark.parametrize("parts", [(), ("Be",)], ids=["before the first token", "between tokens"])
def test_a_silent_endpoint_times_out_once_and_is_not_retried(parts: tuple[str, ...]) -> None:
    started = time.monotonic()
    with server.llm_server(server.hangs(*parts)) as endpoint:
        with pytest.raises(ModelError, match="in time"):
            list(ask(endpoint.url, retries=3, timeout=0.3))
        assert len(endpoint.requests) == 1
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_endpoint_is_retried(status: int) -> None:
    busy = server.refuses(status, headers=[("Retry-After", "0")])
    with server.llm_server(busy, server.says("Because.")) as endpoint:
        assert "".join(ask(endpoint.url, retries=1)) == "Because."
    assert len(endpoint.requests) == 2


def test_a_rejected_key_is_not_retried() -> None:
    with server.llm_server(server.refuses(401)) as endpoint:
        with pytest.raises(ModelError):
            list(ask(endpoint.url, retries=3))
        assert len(endpoint.requests) == 1


def test_retries_are_limited() -> None:
    with server.llm_server(server.refuses(503, headers=[("Retry-After", "0")])) as endpoint:
        with pytest.raises(ModelError, match="status 503"):
            list(ask(endpoint.url, retries=2))
        assert len(endpoint.requests) == 3


def test_a_stream_that_broke_off_is_not_restarted() -> None:
    with server.llm_server(server.breaks_off("Be"), server.says("Because.")) as endpoint:
        said = ""
        with pytest.raises(ModelError):
            for part in ask(endpoint.url, retries=2):
                said += part
        assert said == "Be"
        assert len(endpoint.requests) == 1


def test_the_circuit_breaker_opens_for_an_unreachable_endpoint() -> None:
    with server.llm_server(server.hangs()) as endpoint:
        with pytest.raises(ModelError, match="in time"):
            list(ask(endpoint.url, timeout=0.2, rest=60))
        with pytest.raises(ModelError, match=r"a moment ago.*retried in \d+ s"):
            list(ask(endpoint.url, timeout=0.2, rest=60))
        assert len(endpoint.requests) == 1


def test_after_the_pause_one_question_probes_the_endpoint() -> None:
    gate = threading.Event()
    with server.llm_server(server.hangs(), server.says_once(gate, "Because."), server.says("So.")) as endpoint:
        with pytest.raises(ModelError, match="in time"):
            list(ask(endpoint.url, timeout=0.2, rest=0.1))
        time.sleep(0.2)
        first = ask(endpoint.url, rest=60)
        said: list[str] = []
        asker = threading.Thread(target=lambda: said.extend(first))
        asker.start()
        while len(endpoint.requests) < 2:
            time.sleep(0.01)
        with pytest.raises(ModelError, match="a moment ago"):
            list(ask(endpoint.url, rest=60))
        gate.set()
        asker.join()
        assert "".join(said) == "Because."
        assert "".join(ask(endpoint.url, rest=60)) == "So."


def test_the_circuit_breaker_stays_closed_for_a_rejected_request() -> None:
    with server.llm_server(server.refuses(400), server.says("Because.")) as endpoint:
        with pytest.raises(ModelError, match="status 400"):
            list(ask(endpoint.url, rest=60))
        assert "".join(ask(endpoint.url, rest=60)) == "Because."
