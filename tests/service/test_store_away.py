"""A Qdrant server that goes down under the running service, hangs, and comes back (`tests.support.qdrant_server`)."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ml.index.store.server import server
from ml.settings import Settings
from tests.support.indexing import index_folder
from tests.support.qdrant_server import QdrantServer, qdrant_server
from tests.support.service import serving
from tests.support.shop import write_shop

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")
QUESTION = {"question": "Where is the number of attempts to charge an order set?"}
READ_SECONDS, REST_SECONDS = 1, 0.5


@pytest.fixture
def qdrant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[QdrantServer]:
    """Yield a server with the shop in it, and short timeouts for readers."""
    with qdrant_server() as running:
        write_shop(tmp_path / "shop")
        index_folder(settings(running, tmp_path), tmp_path / "shop")
        monkeypatch.setattr(server, "READ_SECONDS", READ_SECONDS)
        monkeypatch.setattr(server, "REST_SECONDS", REST_SECONDS)
        yield running


def settings(running: QdrantServer, folder: Path) -> Settings:
    return Settings(store=running.url, data_dir=str(folder / "data"), llm="none")


@pytest.fixture
def service(qdrant: QdrantServer, tmp_path: Path) -> Iterator[httpx.Client]:
    with serving(settings(qdrant, tmp_path)) as url, httpx.Client(base_url=url, timeout=30) as client:
        wait_until_ready(client)
        yield client


def wait_until_ready(client: httpx.Client, path: str = "/readyz", seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while client.get(path).status_code != 200:
        assert time.monotonic() < end, client.get(path).text
        time.sleep(0.05)


def assert_unavailable(reply: httpx.Response) -> str:
    assert reply.status_code == 503, reply.text
    error = reply.json()["error"]
    assert error["cause"]
    assert error["cure"]
    assert "\n" not in error["cause"] + error["cure"]
    return str(error["cause"])


def test_questions_fail_in_one_line_and_work_again_once_it_is_back(service: httpx.Client, qdrant: QdrantServer) -> None:
    assert service.post("/api/ask", json=QUESTION).json()["found"]
    qdrant.go_away()
    for reply in (
        service.post("/api/ask", json=QUESTION),
        service.post("/api/search", json={"query": "charge"}),
        service.get("/api/repos"),
        service.get("/readyz"),
    ):
        assert f"{qdrant.url.removeprefix('http://')} does not answer" in assert_unavailable(reply)
    assert service.get("/healthz").status_code == 200
    qdrant.come_back()
    wait_until_ready(service)
    assert service.post("/api/ask", json=QUESTION).json()["found"]


def test_unknown_figures_are_not_exported(service: httpx.Client, qdrant: QdrantServer) -> None:
    assert "codeintel_index_repositories 1.0" in service.get("/metrics").text
    qdrant.go_away()
    metrics = service.get("/metrics")
    assert metrics.status_code == 200
    assert "codeintel_index_repositories " not in metrics.text
    qdrant.come_back()


def test_readiness_ignores_a_store_that_was_reachable_before(qdrant: QdrantServer, tmp_path: Path) -> None:
    probe = "/readyz?exclude=store"
    qdrant.go_away()
    with serving(settings(qdrant, tmp_path)) as url, httpx.Client(base_url=url, timeout=30) as client:
        assert_unavailable(
            client.get(probe)
        )  # a new replica that never reached the store must not replace one that did
        qdrant.come_back()
        wait_until_ready(client, probe)
        qdrant.answers.clear()
        assert client.get(probe, timeout=READ_SECONDS / 2).json()["repositories"] == 1
        assert_unavailable(client.get("/readyz"))
        qdrant.answers.set()


def test_a_service_started_without_it_becomes_ready_when_it_is_up(qdrant: QdrantServer, tmp_path: Path) -> None:
    qdrant.go_away()
    with serving(settings(qdrant, tmp_path)) as url, httpx.Client(base_url=url, timeout=30) as client:
        assert client.get("/healthz").status_code == 200
        assert_unavailable(client.post("/api/ask", json=QUESTION))
        qdrant.come_back()
        wait_until_ready(client)
        assert client.post("/api/ask", json=QUESTION).json()["found"]


def test_questions_do_not_queue_up_behind_a_hanging_one(service: httpx.Client, qdrant: QdrantServer) -> None:
    qdrant.answers.clear()
    began, asked = time.monotonic(), len(qdrant.requests)
    with ThreadPoolExecutor(64) as pool:
        replies = list(pool.map(lambda _: service.post("/api/ask", json=QUESTION), range(60)))
    assert {reply.status_code for reply in replies} <= {503, 429}
    assert time.monotonic() - began < 4 * READ_SECONDS
    assert len(qdrant.requests) - asked < 40
    qdrant.answers.set()
    wait_until_ready(service)
    assert service.post("/api/ask", json=QUESTION).json()["found"]
