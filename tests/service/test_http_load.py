"""More questions than the service can answer: which are answered, and which are rejected with a time to retry."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ml.errors import ServeError
from ml.settings import Settings
from rag_service.http.service import Service
from tests.support.indexing import index_folder
from tests.support.llm_server import llm_server, says_once
from tests.support.service import serving
from tests.support.shop import write_shop

QUESTION = {"question": "Where is the number of attempts to charge an order set?"}


@contextmanager
def busy(indexed: Settings, **limits: int) -> Iterator[tuple[str, threading.Event]]:
    """Run a service whose LLM writes nothing until the gate opens."""
    gate = threading.Event()
    with llm_server(says_once(gate, "The charger retries [1].")) as llm:
        more = {"llm": "openai", "llm_url": llm.url, "llm_model": "m", "caller_header": "X-Caller"} | limits
        with serving(indexed.model_copy(update=more)) as url:
            try:
                yield url, gate
            finally:
                gate.set()


def ask(url: str, caller: str = "", path: str = "/api/ask", **body: object) -> httpx.Response:
    return httpx.post(url + path, json=body or QUESTION, headers={"X-Caller": caller}, timeout=60)


def questions(metrics: httpx.Response, state: str) -> int:
    lines = metrics.text.splitlines()
    return int(float(next(line for line in lines if f'codeintel_questions{{state="{state}"}}' in line).split()[-1]))


def wait_until(url: str, running: int, waiting: int) -> None:
    with httpx.Client(base_url=url) as client:
        for _ in range(400):
            metrics = client.get("/metrics")
            found = questions(metrics, "running"), questions(metrics, "waiting")
            if found == (running, waiting):
                return
            time.sleep(0.02)
    raise AssertionError(found)


def test_a_caller_over_the_limit_gets_retry_after_at_once(indexed: Settings) -> None:
    with busy(indexed, max_running=1, max_waiting=1) as (url, gate), ThreadPoolExecutor() as pool:
        admitted: list[Future[httpx.Response]] = []
        for running, waiting in ((1, 0), (1, 1)):
            admitted.append(pool.submit(ask, url))
            wait_until(url, running, waiting)
        refused = ask(url)
        assert refused.status_code == 429
        assert refused.json()["error"]["cause"] == "1 questions are already waiting"
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        gate.set()
        assert [reply.result().status_code for reply in admitted] == [200, 200]
        assert ask(url).status_code == 200
        wait_until(url, 0, 0)


def test_one_caller_cannot_take_every_slot(indexed: Settings) -> None:
    with busy(indexed, max_running=4, max_per_caller=1) as (url, gate), ThreadPoolExecutor() as pool:
        first = pool.submit(ask, url, "anna")
        wait_until(url, 1, 0)
        assert ask(url, "anna").status_code == 429
        second = pool.submit(ask, url, "boris")
        wait_until(url, 2, 0)
        gate.set()
        assert first.result().status_code == second.result().status_code == 200
        assert ask(url, "anna").status_code == 200


def test_the_openai_api_rejects_in_its_own_form(indexed: Settings) -> None:
    with busy(indexed, max_running=1, max_waiting=0) as (url, gate), ThreadPoolExecutor() as pool:
        pool.submit(ask, url)
        wait_until(url, 1, 0)
        messages = [{"role": "user", "content": QUESTION["question"]}]
        refused = ask(url, path="/v1/chat/completions", model="codeintel", messages=messages)
        assert refused.status_code == 429
        assert refused.json()["error"]["type"] == "rate_limit_error"
        assert refused.headers["Retry-After"]
        assert ask(url, path="/api/search", query="charge").status_code == 429
        gate.set()


def test_a_disconnect_frees_the_slot(indexed: Settings) -> None:
    with busy(indexed, max_running=1, max_waiting=0) as (url, gate):
        headers = {"Accept": "text/event-stream"}
        with httpx.stream("POST", f"{url}/api/ask", json=QUESTION, headers=headers) as reply:
            parts = reply.iter_text()  # httpx closes the connection where the iterator is dropped
            next(parts)
            wait_until(url, 1, 0)
        gate.set()
        wait_until(url, 0, 0)
        assert ask(url).status_code == 200


def test_answers_stay_consistent_while_the_index_is_rebuilt(tmp_path: Path) -> None:
    """Each answer reflects one state of the index: what it quotes was at the lines that it cites."""
    code, renewed = tmp_path / "code", threading.Event()
    settings = Settings(store=str(tmp_path / "store"), data_dir=str(tmp_path / "data"), llm="none")
    write_shop(code)
    versions = [index(settings, code)]
    with serving(settings) as url, ThreadPoolExecutor() as pool:
        asking = [pool.submit(ask_until, renewed, url) for _ in range(2)]
        for _ in range(3):
            charge = code / "shop/billing/charge.py"
            charge.write_text(f"# one line more\n{charge.read_text()}")
            versions.append(index(settings, code))
        renewed.set()
        replies = [reply for each in asking for reply in each.result()]
    assert len({citation["line_start"] for citation in cited(replies)}) > 1
    for each in cited(replies):
        assert any(each["quote"] == "\n".join(lines[each["line_start"] - 1 : each["line_end"]]) for lines in versions)


def index(settings: Settings, code: Path) -> list[str]:
    """Index the shop and return the lines of its charge.py."""
    index_folder(settings, code, "shop")
    return (code / "shop/billing/charge.py").read_text().splitlines()


def ask_until(ended: threading.Event, url: str) -> list[httpx.Response]:
    replies = []
    while not ended.is_set():
        replies.append(ask(url))
    return [*replies, ask(url)]


def cited(replies: list[httpx.Response]) -> list[dict[str, Any]]:
    """Return the citations of charge.py; every answer has one."""
    assert {reply.status_code for reply in replies} == {200}
    found = [each for reply in replies for each in reply.json()["citations"]]
    ours = [each for each in found if each["file_path"] == "shop/billing/charge.py"]
    assert len(ours) >= len(replies)
    return ours


def test_it_is_not_ready_before_index_and_llm_are_loaded(indexed: Settings) -> None:
    service = Service(indexed)
    with pytest.raises(ServeError, match="still loading"):
        service.check_ready()
    service.warm_up().join()
    assert [repository.name for repository in service.check_ready()] == ["shop"]
    service.close()
