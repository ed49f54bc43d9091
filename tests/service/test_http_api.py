"""The project's own API over a real index, as a program calls it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ml.settings import Settings
from rag_service.http.limits.security import HEADERS
from tests.support.indexing import index_folder
from tests.support.llm_server import llm_server, says, trickles
from tests.support.service import serving

QUESTION = "Where is the number of attempts to charge an order set?"


@pytest.fixture(scope="module")
def service(indexed: Settings) -> Iterator[httpx.Client]:
    with serving(indexed) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def events_of(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    for frame in response.read().decode().strip().split("\n\n"):
        name, data = frame.split("\n")
        yield name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def error_of(response: httpx.Response) -> dict[str, str]:
    error: dict[str, str] = response.json()["error"]
    assert set(error) == {"cause", "cure"}
    assert "\n" not in "".join(error.values())
    return error


def records(settings: Settings, name: str) -> list[dict[str, Any]]:
    lines = (Path(settings.data_dir) / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_ask_returns_the_answer_with_its_citations(service: httpx.Client, indexed: Settings) -> None:
    answer = service.post("/api/ask", json={"question": QUESTION}).json()
    assert answer["found"]
    assert answer["question"] == QUESTION
    assert {"id", "model", "timings", "dropped", "notices"} <= set(answer)
    cited = next(citation for citation in answer["citations"] if citation["file_path"] == "shop/billing/charge.py")
    assert f"[{cited['n']}]" in answer["answer"]
    assert "max_retries = 5" in cited["quote"]
    assert records(indexed, "audit.jsonl")[-1]["id"] == answer["id"]


def test_ask_streams_evidence_then_text_then_the_same_answer(service: httpx.Client) -> None:
    with service.stream(
        "POST", "/api/ask", json={"question": QUESTION}, headers={"Accept": "text/event-stream"}
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = list(events_of(response))
    assert (events[0][0], events[-1][0]) == ("evidence", "answer")
    answer = events[-1][1]
    assert "".join(data["text"] for name, data in events if name == "text") == answer["answer"]
    sources = {source["n"]: source for source in events[0][1]["sources"]}
    for citation in answer["citations"]:
        source = sources[citation["n"]]
        shown = ["".join(text for _, text in line) for line in source["lines"]]
        start = citation["line_start"] - source["line_start"]
        assert "\n".join(shown[start:]).startswith(citation["quote"])


def test_what_is_not_in_the_index_is_not_found(service: httpx.Client) -> None:
    answer = service.post("/api/ask", json={"question": "How does the Kubernetes scheduler preempt pods?"}).json()
    assert not answer["found"]
    assert answer["citations"] == []


def test_search_ranks_and_filters(service: httpx.Client) -> None:
    hits = service.post("/api/search", json={"query": "shopping cart", "limit": 3}).json()
    assert set(hits[0]) == {"repo", "file_path", "line_start", "line_end", "symbol", "language", "score", "text"}
    assert hits[0]["file_path"] == "web/cart.ts"
    assert len(hits) <= 3
    filtered = service.post(
        "/api/search", json={"query": "shopping cart", "languages": ["python"], "paths": ["shop/**"]}
    )
    assert {Path(hit["file_path"]).suffix for hit in filtered.json()} == {".py"}
    refused = service.post("/api/search", json={"query": "cart", "repos": ["another"]})
    assert refused.status_code == 400
    assert refused.json()["error"] == {"cause": "no repository 'another' is indexed", "cure": "choose among: shop"}


def test_repos_include_freshness_and_key_symbols(service: httpx.Client) -> None:
    (repo,) = service.get("/api/repos").json()
    assert repo["name"] == "shop"
    assert repo["indexed_at"]
    assert repo["files"] == sum(repo["languages"].values())
    assert "Charger" in repo["central_symbols"]


def test_file_returns_every_line_at_its_number(service: httpx.Client) -> None:
    file = service.get("/api/file", params={"repo": "shop", "path": "shop/billing/charge.py"}).json()
    lines = ["".join(text for _, text in line) for line in file["lines"]]
    assert lines[0] == '"""Charges orders."""'
    assert lines[1] == ""
    assert ["k", "class "] in file["lines"][lines.index("class Charger:")]
    error = error_of(service.get("/api/file", params={"repo": "shop", "path": "../../etc/passwd"}))
    assert "no file" in error["cause"]


def test_feedback_is_recorded(service: httpx.Client, indexed: Settings) -> None:
    body = {"answer_id": "a1", "verdict": "down", "comment": "lines 3–7 are meant"}
    assert service.post("/api/feedback", json=body).status_code == 204
    recorded = records(indexed, "feedback.jsonl")[-1]
    assert (recorded["id"], recorded["verdict"], recorded["comment"]) == ("a1", "down", "lines 3–7 are meant")
    assert service.post("/api/feedback", json=body | {"verdict": "meh"}).status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "status", "cause"),
    [
        ("/api/ask", {"question": "why " * 25_000}, 400, "100,000 characters"),
        ("/api/ask", {"question": "  "}, 400, "empty"),
        ("/api/ask", {}, 422, "question: Field required"),
        ("/api/ask", {"question": QUESTION, "repos": "shop"}, 422, "repos"),
        ("/api/search", {"query": "?!", "limit": 3}, 400, "no word"),
        ("/api/search", {"query": "x", "limit": 100_000}, 422, "limit"),
        ("/api/ask", {"question": "x" * 5_000_000}, 413, "4 MiB"),
        ("/api/nothing", {}, 404, "Not Found"),
        ("/api/repos", {}, 405, "Method Not Allowed"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_bad_input_is_one_line_with_its_cure(
    service: httpx.Client, path: str, body: dict[str, Any], status: int, cause: str, accept: str
) -> None:
    response = service.post(path, json=body, headers={"Accept": accept})
    assert response.status_code == status
    assert cause in error_of(response)["cause"]


def test_a_body_that_is_not_json_is_rejected(service: httpx.Client) -> None:
    response = service.post("/api/ask", content=b"{question", headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    error_of(response)
    # A form that another site makes a browser send is not JSON, whatever it contains.
    response = service.post("/api/ask", content=b'{"question": "x y"}', headers={"Content-Type": "text/plain"})
    assert response.status_code == 422


def test_a_long_body_of_unknown_length_is_rejected(service: httpx.Client) -> None:
    parts = (b"x" * 1_000_000 for _ in range(6))
    response = service.post("/api/ask", content=parts, headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    assert "4 MiB" in error_of(response)["cause"]


def test_operation_routes(service: httpx.Client) -> None:
    assert service.get("/healthz").json() == {"status": "alive"}
    assert service.get("/readyz").json()["repositories"] == 1
    service.get("/no/such/route")
    text = service.get("/metrics").text
    assert 'codeintel_requests_total{route="/api/ask",status="200"}' in text
    assert 'codeintel_requests_total{route="other",status="404"}' in text
    assert 'codeintel_answers_total{found="true"}' in text
    assert 'codeintel_stage_seconds_count{stage="retrieve"}' in text
    assert "codeintel_index_repositories 1.0" in text
    assert "/no/such/route" not in text


def test_every_reply_has_the_security_headers(service: httpx.Client) -> None:
    for path in ("/", "/file", "/docs", "/assets/app.js", "/api/repos", "/no/such/route"):
        response = service.get(path)
        assert all(response.headers[name] == value for name, value in HEADERS.items()), path
        assert "access-control-allow-origin" not in response.headers


def test_openapi_describes_every_route(service: httpx.Client) -> None:
    paths = service.get("/openapi.json").json()["paths"]
    documented = {
        "/api/ask",
        "/api/search",
        "/api/repos",
        "/api/file",
        "/api/feedback",
        "/v1/chat/completions",
        "/v1/embeddings",
        "/v1/responses",
        "/v1/models",
    }
    assert documented | {"/healthz", "/readyz", "/metrics"} <= set(paths)
    assert all(about["description"] for methods in paths.values() for about in methods.values())


def test_an_empty_index_names_the_command_and_a_new_index_is_noticed(tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path / "store"), data_dir=str(tmp_path / "data"), llm="none")
    with serving(settings) as url, httpx.Client(base_url=url) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/api/repos").json() == []
        response = client.get("/readyz")
        assert response.status_code == 503
        assert "codeintel index" in error_of(response)["cure"]
        assert client.get("/metrics").status_code == 200
        index_file(settings, tmp_path / "code", "def first_version(): return 1\n")
        assert client.get("/readyz").status_code == 200
        index_file(settings, tmp_path / "code", "def second_version(): return 2\n")
        assert client.post("/api/search", json={"query": "second version"}).json()[0]["symbol"] == "second_version"


def index_file(settings: Settings, folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "code.py").write_text(text, encoding="utf-8")
    index_folder(settings, folder)


def test_a_disconnect_ends_the_answer(indexed: Settings, tmp_path: Path) -> None:
    with llm_server(trickles("The charger retries [1]. ", seconds=30)) as llm:
        settings = with_llm(indexed, llm.url, tmp_path)
        with serving(settings) as url, httpx.Client(base_url=url, timeout=30) as client:
            headers = {"Accept": "text/event-stream"}
            with client.stream("POST", "/api/ask", json={"question": QUESTION}, headers=headers) as response:
                next(response.iter_text())
            wait_until(lambda: [record["complete"] for record in left(settings)] == [False])
            with pytest.raises(httpx.ReadTimeout):
                client.post("/api/ask", json={"question": QUESTION}, timeout=1)
            wait_until(lambda: [record["complete"] for record in left(settings)] == [False, False])


def left(settings: Settings) -> list[dict[str, Any]]:
    return records(settings, "audit.jsonl") if (Path(settings.data_dir) / "audit.jsonl").exists() else []


def wait_until(holds: Any, seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def with_llm(settings: Settings, url: str, tmp_path: Path) -> Settings:
    return settings.model_copy(
        update={"llm": "openai", "llm_url": url, "llm_model": "m", "data_dir": str(tmp_path), "llm_retries": 0}
    )


def test_many_questions_at_once(service: httpx.Client, indexed: Settings, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    questions = [
        QUESTION,
        "What does place_order do?",
        "Who approves a refund?",
        "How is an item added to the cart?",
    ] * 8
    with ThreadPoolExecutor(16) as pool:
        replies = list(
            pool.map(lambda question: service.post("/api/ask", json={"question": question}).json(), questions)
        )
    assert [reply["question"] for reply in replies] == questions
    assert all(reply["citations"] for reply in replies)


def test_an_unavailable_llm_is_a_notice_and_is_counted(indexed: Settings, tmp_path: Path) -> None:
    with serving(with_llm(indexed, "http://127.0.0.1:9/v1", tmp_path)) as url, httpx.Client(base_url=url) as client:
        answer = client.post("/api/ask", json={"question": QUESTION}).json()
        assert len(answer["notices"]) == 1
        assert answer["citations"]
        assert "codeintel_model_away_total 1.0" in client.get("/metrics").text


def test_text_of_an_llm_has_checked_citations(indexed: Settings, tmp_path: Path) -> None:
    written = says("It tries five times, `max_retries = 5` [1]. ", "So says nobody [77].")
    with llm_server(written) as llm, serving(with_llm(indexed, llm.url, tmp_path)) as url:
        answer = httpx.post(f"{url}/api/ask", json={"question": QUESTION}).json()
        assert "[77]" not in answer["answer"]
        assert answer["dropped"] == 1
        assert 'codeintel_citations_total{result="dropped"} 1.0' in httpx.get(f"{url}/metrics").text
