"""Load generators, open-loop (at given times) and closed-loop (one after the other), with persistent connections."""

import http.client
import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

CALLER = "X-Caller"
MOST_AT_ONCE = 200
TIMEOUT = 120
Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: seconds since the request was due, and the body."""

    seconds: float
    body: bytes


class Caller:
    """A client with a persistent connection. Raises RuntimeError for every status but 200."""

    def __init__(self, address: str, name: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=TIMEOUT)
        self._headers = {"Content-Type": "application/json", CALLER: name}

    def post(self, path: str, body: Body) -> bytes:
        """Post a body and return the reply's."""
        try:
            reply = self._send(path, json.dumps(body))
        except ConnectionError:  # the server closed the idle connection
            self._connection.close()
            reply = self._send(path, json.dumps(body))
        data = reply.read()
        if reply.status != http.client.OK:
            raise RuntimeError(f"{path} answered {reply.status}: {data[:200]!r}")
        return data

    def _send(self, path: str, body: str) -> http.client.HTTPResponse:
        self._connection.request("POST", path, body, self._headers)
        return self._connection.getresponse()


def arrivals(rate: float, seconds: float, seed: int = 1) -> list[float]:
    """Return arrival times of a Poisson process: seconds from the start, ascending."""
    source, at, times = random.Random(seed), 0.0, []
    while (at := at + source.expovariate(rate)) < seconds:
        times.append(at)
    return times


def open_loop(address: str, path: str, bodies: Sequence[Body], times: Sequence[float]) -> list[Reply]:
    """Send each body when it is due, whatever is still unanswered, so that queueing time counts."""
    mine = threading.local()
    begin = time.perf_counter()

    def ask(body: Body, at: float) -> Reply:
        if not hasattr(mine, "caller"):
            mine.caller = Caller(address, threading.current_thread().name)
        data = mine.caller.post(path, body)
        return Reply(time.perf_counter() - begin - at, data)

    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        asked = []
        for body, at in zip(bodies, times, strict=True):
            time.sleep(max(0.0, begin + at - time.perf_counter()))
            asked.append(pool.submit(ask, body, at))
        return [future.result() for future in asked]


def closed_loop(address: str, path: str, bodies: Sequence[Body], callers: int) -> tuple[float, list[Reply]]:
    """Send the bodies from so many callers, each one request at a time; return the total seconds and the replies."""
    begin = time.perf_counter()

    def ask(number: int) -> list[Reply]:
        caller, replies = Caller(address, f"caller-{number}"), []
        for body in bodies[number::callers]:
            due = time.perf_counter()
            data = caller.post(path, body)
            replies.append(Reply(time.perf_counter() - due, data))
        return replies

    with ThreadPoolExecutor(callers) as pool:
        replies = [reply for replies in pool.map(ask, range(callers)) for reply in replies]
    return time.perf_counter() - begin, replies
