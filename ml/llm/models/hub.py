"""A model's file on the Hugging Face hub, or a mirror of it: HF_ENDPOINT, HF_TOKEN and the usual proxy variables are honoured."""

import os
import re
import time
from collections.abc import Generator

import httpx

from ml.errors import ModelError
from ml.llm.models.catalogue import Hub, Model
from ml.llm.models.origin import BLOCK, Origin

HUB = "https://huggingface.co"
TIMEOUT = httpx.Timeout(60, connect=10)
PAUSES = (0.5, 2.0, 8.0)  # between attempts that brought nothing; any progress starts again with the first
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
OFFLINE = "check the network and its proxy (HTTPS_PROXY), then run the command again: it goes on where it stopped"
DENIED = "accept the model's terms on its page, and set HF_TOKEN"
GONE = "set HF_ENDPOINT to a hub that has it, or pull from another place: --from FILE"


class HubFile(Origin):
    """A file of a repository, at a revision, read with Range requests."""

    def __init__(self, model: Model, hub: Hub) -> None:
        self.name = os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB
        self._model = model
        self._url = f"{self.name}/{hub.repository}/resolve/{hub.revision}/{model.file}"

    def read(self, start: int) -> Generator[bytes]:
        """Yield the file's bytes from `start` on; go on after a broken connection. Raise ModelError."""
        at, failures = start, 0
        while at < self._model.size:
            why = "the connection ended early"
            try:
                for block in self._stream(at):
                    at, failures = at + len(block), 0
                    yield block
            except (httpx.RequestError, httpx.InvalidURL) as error:
                why = str(error) or type(error).__name__
            if at < self._model.size:
                if failures == len(PAUSES):
                    raise ModelError(f"{self.name} does not send {self._model.file} ({why})", OFFLINE)
                time.sleep(PAUSES[failures])
                failures += 1

    def _stream(self, start: int) -> Generator[bytes]:
        headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"}
        if token := os.environ.get("HF_TOKEN"):
            headers["Authorization"] = f"Bearer {token}"  # the client drops it when the hub redirects to another host
        with httpx.stream("GET", self._url, headers=headers, follow_redirects=True, timeout=TIMEOUT) as response:
            if response.status_code in TRANSIENT:
                return
            self._check(response, start)
            yield from response.iter_raw(BLOCK)

    def _check(self, response: httpx.Response, start: int) -> None:
        """Raise ModelError unless the reply is the rest of the file, from `start` on."""
        match response.status_code:
            case 401 | 403:
                raise ModelError(f"{self.name} denies {self._url}", DENIED)
            case 200 if start == 0:
                size = response.headers.get("Content-Length", str(self._model.size))
            case 206 if (sent := RANGE.fullmatch(response.headers.get("Content-Range", ""))) and int(sent[1]) == start:
                size = sent[2]
            case 200 | 206 | 416:
                raise ModelError(
                    f"{self.name} can't go on with a download",
                    f"run `codeintel model remove {self._model.name}` and pull it again",
                )
            case status:
                raise ModelError(f"{self.name} answers {status} for {self._url}", GONE)
        if size != str(self._model.size):
            raise ModelError(f"{self._url} has {size} bytes, not {self._model.size}", GONE)
