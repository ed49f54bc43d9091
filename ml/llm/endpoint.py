"""An LLM behind an OpenAI-compatible endpoint (vLLM, Ollama, …) as a LangChain chat model."""

import time
from collections.abc import Iterator
from functools import cache
from typing import Any, Self

from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI
from openai import Timeout
from pydantic import SecretStr

from ml.circuit_breaker import CircuitBreaker
from ml.errors import ModelError
from ml.llm.errors import is_unavailable, pause_before_retry, translated

CONNECT_SECONDS = 5.0
NO_KEY = "none"  # the client always sends a key; an endpoint without keys ignores it


class EndpointChatModel(ChatOpenAI):
    """ChatOpenAI whose errors are ModelError, and which retries only if that can help and no token has arrived.

    A timeout is not retried: the reader waited long enough. An endpoint that was down is not asked for `rest_seconds`.
    """

    attempts: int = 1
    rest_seconds: float = 0.0

    @classmethod
    def at(cls, url: str, model: str, key: str | None, timeout: float, retries: int, rest: float = 0.0) -> Self:
        """Return the model at an address; `timeout` is the seconds that its next token may take."""
        return cls(
            base_url=url,
            model=model,
            api_key=SecretStr(key or NO_KEY),
            timeout=Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
            max_retries=0,
            attempts=retries + 1,
            rest_seconds=rest,
            stream_usage=True,
        )

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        rest = _breaker_of(str(self.openai_api_base))
        rest.enter(self.rest_seconds)
        try:
            for chunk in self._stream_patiently(*args, **kwargs):
                rest.end()
                yield chunk
        except ModelError as error:
            if is_unavailable(error):
                rest.begin(self.rest_seconds, error.cause)
            raise

    def _stream_patiently(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for attempt in range(self.attempts):
            said = False
            try:
                for chunk in self._stream_once(*args, **kwargs):
                    said = said or bool(chunk.text)
                    yield chunk
                return
            except ModelError as error:
                pause = pause_before_retry(error, attempt)
                if said or pause is None or attempt + 1 == self.attempts:
                    raise
            time.sleep(pause)

    def _stream_once(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        if form := kwargs.pop("response_format", None):
            # As a parameter of its own it is parsed by the client, which not every endpoint's chunks are complete enough for.
            kwargs["extra_body"] = {"response_format": form}
        said = finished = False
        with translated():
            for chunk in super()._stream(*args, **kwargs):
                said = said or bool(chunk.text)
                finished = finished or bool((chunk.generation_info or {}).get("finish_reason"))
                yield chunk
        if not said:
            raise ModelError(
                "it returned an empty answer", "check that llm_url ends in /v1 and llm_model is a chat model"
            )
        if not finished:
            raise ModelError("its answer broke off", "check the endpoint's log")


@cache
def _breaker_of(url: str) -> CircuitBreaker:
    """Return the process-wide circuit breaker of the endpoint at an address."""
    return CircuitBreaker(ModelError)
