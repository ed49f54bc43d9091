"""Users of the assistant: they think, read the answer as it streams, open a source, sometimes rate it.

    locust -f loadtests/assistant.py --host http://127.0.0.1:8321 [--api-key KEY] [--think 4]
    locust -f loadtests/assistant.py --host … --headless -u 20 -r 2 -t 2m --html report.html

The questions are about the key symbols of the indexed repositories. Beside the requests the statistics show
`first token` (until the first word of an answer) and `whole answer`. A 429 is not a failure: the user waits
as long as Retry-After says, and it is counted as `come again`.
"""

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import gevent
from locust import HttpUser, task
from locust.clients import ResponseContextManager

from loadtests import options
from loadtests.questions import QUESTIONS
from loadtests.timeline import READER

options.add("--api-key", env_var="LOCUST_API_KEY", default="", is_secret=True, help="the assistant's key")
options.add("--think", type=float, default=4.0, help="mean seconds that a reader thinks between two questions")


class Reader(HttpUser):
    """One user of the assistant's page."""

    def on_start(self) -> None:
        """Open the page and list the repositories."""
        self.client.headers.update(options.headers(options.given(self.environment).api_key))
        repositories = self.client.get("/api/repos").json()
        self.symbols = [symbol for repository in repositories for symbol in repository["central_symbols"]]
        if not self.symbols:
            raise SystemExit("error: nothing is indexed there: run `codeintel index` first")

    def wait_time(self) -> float:
        """Return a think time in seconds: usually short, sometimes long."""
        mean: float = options.given(self.environment).think
        return random.expovariate(1 / mean) if mean else 0.0

    @task(8)
    def ask(self) -> None:
        """Ask, read the stream, and open the first source."""
        question = random.choice(QUESTIONS).format(symbol=random.choice(self.symbols))
        answer = self._ask(question)
        if answer:
            self._check(answer)
            self._open_source(answer)
            if random.random() < 0.1:
                verdict = random.choice(("up", "up", "down"))
                self.client.post("/api/feedback", json={"answer_id": answer["id"], "verdict": verdict})

    @task(2)
    def search(self) -> None:
        """Search for a symbol."""
        with self.client.post(
            "/api/search", json={"query": random.choice(self.symbols)}, catch_response=True
        ) as response:
            self._come_again(response)

    def _ask(self, question: str) -> dict[str, Any] | None:
        began, spoke = time.perf_counter(), False
        answer: dict[str, Any] | None = None
        headers = {"Accept": "text/event-stream"}
        with self.client.post(
            "/api/ask", json={"question": question}, headers=headers, stream=True, catch_response=True
        ) as response:
            if self._come_again(response):
                return None
            if not response.ok:
                response.failure(f"HTTP {response.status_code}: {response.text[:200]}")
                return None
            for name, data in events(response.iter_lines(decode_unicode=True)):
                if name == "text" and not spoke:
                    spoke = True
                    self._fire("first token", began)
                elif name == "answer":
                    answer = data
                elif name == "error":
                    response.failure(data["cause"])
                    return None
            if answer is None:
                response.failure("the stream ended without an answer")
                return None
        self._fire("whole answer", began, len(answer["answer"]))
        return answer

    def _check(self, answer: dict[str, Any]) -> None:
        """Check that an answer with evidence cites it."""
        error = None if answer["citations"] or not answer["found"] else AssertionError("an answer without a citation")
        self._fire("cites", time.perf_counter(), error=error)

    def _open_source(self, answer: dict[str, Any]) -> None:
        for citation in answer["citations"][:1]:
            where = {"repo": citation["repo"], "path": citation["file_path"]}
            with self.client.get("/api/file", params=where, name="/api/file", catch_response=True) as response:
                lines = response.json()["lines"] if response.ok else []
                if len(lines) < citation["line_end"]:
                    response.failure(f"{citation['file_path']} has no line {citation['line_end']}")

    def _come_again(self, response: ResponseContextManager) -> bool:
        if response.status_code != 429:
            return False
        response.success()
        self._fire("come again", time.perf_counter())
        gevent.sleep(int(response.headers["Retry-After"]))
        return True

    def _fire(self, name: str, began: float, length: int = 0, error: Exception | None = None) -> None:
        self.environment.events.request.fire(
            request_type=READER,
            name=name,
            response_time=(time.perf_counter() - began) * 1000,
            response_length=length,
            exception=error,
            context={},
        )


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Yield server-sent events as (name, data)."""
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))
