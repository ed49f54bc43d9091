"""Chat completions and models of OpenAI's API, under /v1, so that any client or editor can use the assistant as a model."""

import time
import uuid
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from ml.errors import CodeIntelError, QuestionError
from rag_service.answer.events import Answer, Event
from rag_service.http import sse
from rag_service.http.errors import OPENAI_PREFIX, error_body, param_of, status_of
from rag_service.http.limits.security import bearer
from rag_service.http.routes.asking import (
    MAX_MESSAGES,
    MODEL,
    MOST_STOPS,
    Asking,
    ModelName,
    Stop,
    asking,
    events_of,
    format_of,
    limits_of,
    model_names,
    where_of,
)
from rag_service.http.routes.conversation import Message
from rag_service.http.routes.dependencies import Askers, Lanes, Served
from rag_service.http.routes.forms import OpenAIErrorOut
from rag_service.http.routes.parameters import CHAT, check, check_tools
from rag_service.http.routes.replies import Ending, Mark, tokens, whole, written
from rag_service.http.service import Service

DONE = "data: [DONE]\n\n"

ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": OpenAIErrorOut, "description": "an invalid request or question, or a parameter that can't be done"},
    401: {"model": OpenAIErrorOut, "description": "a missing or wrong key"},
    404: {"model": OpenAIErrorOut, "description": "no such model"},
    413: {"model": OpenAIErrorOut, "description": "a request that is too large"},
    429: {"model": OpenAIErrorOut, "description": "too many questions at once; Retry-After says when to retry"},
    503: {"model": OpenAIErrorOut, "description": "the index, the embedder or the LLM is missing"},
}

router = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=[Depends(bearer)], responses=ERRORS)


class StreamOptions(BaseModel):
    """What a stream reports besides the text."""

    model_config = ConfigDict(extra="forbid")

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ChatRequest(BaseModel):
    """A request in OpenAI's form. A parameter that can't be done is refused; docs/api.md lists each."""

    model_config = ConfigDict(extra="allow")

    model: ModelName = MODEL
    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES, fail_fast=True)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=MOST_STOPS)] | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    response_format: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = Field(None, description="may be offered, and are never called")
    tool_choice: str | dict[str, Any] | None = None
    functions: list[dict[str, Any]] | None = None
    function_call: str | dict[str, Any] | None = None

    def asking(self) -> Asking:
        """Return what is asked. Raise ParameterError for what can't be done."""
        ignored = check(self.model_extra or {}, CHAT)
        check_tools(self.tool_choice)
        check_tools(self.function_call, "function_call")
        return asking(
            self.model,
            {f"messages.{at}": message for at, message in enumerate(self.messages)},
            ignored + [name for name in ("tools", "functions") if getattr(self, name)],
            limits_of(self.stop, self.max_tokens, self.max_completion_tokens),
            format_of(self.response_format, "response_format"),
        )


@router.get("/models")
def models(service: Served) -> dict[str, Any]:
    """List the models: the whole index, and each repository alone; `llm` is the name of the LLM."""
    return {"object": "list", "data": [_model(name, service) for name in model_names(service)]}


@router.get("/models/{model:path}")
def model(model: str, service: Served) -> dict[str, Any]:
    """Describe one model."""
    where_of(model, service)
    return _model(model, service)


def _model(name: str, service: Service) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": MODEL, "llm": service.model()}


@router.post("/completions", response_model=None)
def completions() -> NoReturn:
    """Refuse: a text is not continued here."""
    raise QuestionError(
        "completions continue a text, and this model answers questions", "send the question to /v1/chat/completions"
    )


@router.post("/chat/completions")
async def chat_completions(
    body: ChatRequest, request: Request, service: Served, executor: Lanes, asker: Askers
) -> Response:
    """Answer the last user message.

    `citations` in the message (in a stream, in its last delta) resolve each `[n]`, and `annotations` say where they stand
    and link to the lines. `ignored` names what had no effect. Usage is an estimate, at four characters per token.
    """
    asked = body.asking()
    events = events_of(asked, service, asker)
    reply = Reply(asked, str(request.base_url), _wants_usage(body))
    if body.stream:
        frames = await executor.start(reply.frames(events), asker, lambda error: failure(error) + DONE)
        return StreamingResponse(frames, media_type=sse.MEDIA_TYPE, headers=sse.HEADERS)
    return JSONResponse(reply.completion(await executor.answer(events, asker, request)))


def _wants_usage(body: ChatRequest) -> bool:
    return bool(body.stream_options and body.stream_options.include_usage)


@dataclass
class Reply:
    """One reply in OpenAI's form, complete or as a stream."""

    asked: Asking
    base: str
    wants_usage: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def completion(self, answer: Answer) -> dict[str, Any]:
        """Return the complete reply."""
        end = whole(answer, self.asked.form(self.base))
        message = {"role": "assistant", "content": None if end.refusal else end.text, "refusal": end.refusal or None}
        choice = {"index": 0, "message": message | _cited(end), "finish_reason": end.reason, "logprobs": None}
        usage = {"usage": self._usage(len(end.text)), "ignored": self.asked.ignored}
        return self._head("chat.completion") | {"choices": [choice]} | usage

    def frames(self, events: Iterator[Event]) -> Generator[str]:
        """Yield the reply as server-sent events; a failure after the first one is sent in OpenAI's form."""
        begun = False
        try:
            for chunk in self._chunks(events):
                yield sse.frame(chunk)
                begun = True
        except CodeIntelError as error:
            if not begun:
                raise
            yield failure(error)
        yield DONE

    def _chunks(self, events: Iterator[Event]) -> Iterator[dict[str, Any]]:
        begun = False
        for part in written(events, self.asked.form(self.base)):
            if not begun:
                yield self._chunk({"role": "assistant", "content": ""})
                begun = True
            if isinstance(part, Ending):
                yield from self._last_chunks(part)
            else:
                yield self._chunk({"content": part})

    def _last_chunks(self, end: Ending) -> Iterator[dict[str, Any]]:
        if end.refusal:
            yield self._chunk({"refusal": end.refusal})
        yield self._chunk(_cited(end), end.reason) | {"ignored": self.asked.ignored}
        if self.wants_usage:
            yield self._head("chat.completion.chunk") | {"choices": [], "usage": self._usage(len(end.text))}

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return self._head("chat.completion.chunk") | {"choices": [choice]}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.asked.model}

    def _usage(self, completion_characters: int) -> dict[str, int]:
        prompt, completion = tokens(self.asked.characters), tokens(completion_characters)
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _cited(end: Ending) -> dict[str, Any]:
    return {"annotations": list(map(_annotation, end.marks)), "citations": end.citations}


def _annotation(mark: Mark) -> dict[str, Any]:
    at = {"start_index": mark.start, "end_index": mark.end}
    return {"type": "url_citation", "url_citation": at | {"title": mark.title, "url": mark.url}}


def failure(error: CodeIntelError) -> str:
    """Return the event that ends a failed stream, in OpenAI's form."""
    return sse.frame(error_body(OPENAI_PREFIX, status_of(error), error.cause, error.cure, param_of(error)))
