"""Responses of OpenAI's API: text in, text out, complete or as its events. Nothing is kept between two requests."""

import itertools
import time
import uuid
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from ml.errors import CodeIntelError, ParameterError
from rag_service.answer.events import Answer, Event
from rag_service.http import sse
from rag_service.http.errors import openai_error, param_of, status_of
from rag_service.http.limits.security import bearer
from rag_service.http.routes.asking import (
    MAX_MESSAGES,
    MODEL,
    Asking,
    ModelName,
    asking,
    events_of,
    format_of,
    limits_of,
)
from rag_service.http.routes.chat import ERRORS
from rag_service.http.routes.conversation import Message
from rag_service.http.routes.dependencies import Askers, Lanes, Served
from rag_service.http.routes.parameters import NOT_KEPT, RESPONSES, WHOLE, check, check_tools
from rag_service.http.routes.replies import Ending, Mark, tokens, whole, written

router = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=[Depends(bearer)], responses=ERRORS)


class Item(Message):
    """One item of the input. Those of tools and of reasoning have no role, and are passed over."""

    model_config = ConfigDict(extra="allow")

    type: str = Field("message", max_length=100)
    role: Literal["system", "developer", "user", "assistant", "tool", "function"] = "tool"


class TextOptions(BaseModel):
    """The form of the text."""

    model_config = ConfigDict(extra="forbid")

    format: dict[str, Any] | None = None
    verbosity: Literal["medium"] | None = None


class StreamOptions(BaseModel):
    """What a stream holds besides the events."""

    model_config = ConfigDict(extra="forbid")

    include_obfuscation: bool | None = None


class ResponseRequest(BaseModel):
    """A request in OpenAI's form. A parameter that can't be done is refused; docs/api.md lists each."""

    model_config = ConfigDict(extra="allow")

    model: ModelName = MODEL
    input: str | list[Item]
    instructions: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_output_tokens: int | None = Field(None, ge=1)
    text: TextOptions | None = None
    tools: list[dict[str, Any]] | None = Field(None, description="may be offered, and are never called")
    tool_choice: str | dict[str, Any] | None = None

    def asking(self) -> Asking:
        """Return what is asked. Raise ParameterError for what can't be done."""
        ignored = check(self.model_extra or {}, RESPONSES)
        check_tools(self.tool_choice)
        return asking(
            self.model,
            self._messages(),
            ignored + (["tools"] if self.tools else []),
            limits_of(None, self.max_output_tokens),
            format_of(self.text.format if self.text else None, "text.format"),
        )

    def _messages(self) -> dict[str, Message]:
        items = [Item(role="user", content=self.input)] if isinstance(self.input, str) else self.input
        if len(items) > MAX_MESSAGES:
            raise ParameterError("input", f"input has over {MAX_MESSAGES:,} items", "send the last ones")
        system = {"instructions": Message(role="system", content=self.instructions)} if self.instructions else {}
        return system | {f"input.{at}": item for at, item in enumerate(items)}


@router.post("/responses")
async def responses(
    body: ResponseRequest, request: Request, service: Served, executor: Lanes, asker: Askers
) -> Response:
    """Answer the last user message. `annotations` of the text link to the cited lines; `citations` quote them."""
    asked = body.asking()
    events = events_of(asked, service, asker)
    reply = ResponseReply(asked, str(request.base_url), body)
    if body.stream:
        frames = await executor.start(reply.frames(events), asker, reply.failure)
        return StreamingResponse(frames, media_type=sse.MEDIA_TYPE, headers=sse.HEADERS)
    return JSONResponse(reply.complete(await executor.answer(events, asker, request)))


@router.get("/responses/{id}", response_model=None)
@router.delete("/responses/{id}", response_model=None)
def kept(id: str) -> NoReturn:  # noqa: A002  # OpenAI's name
    """Refuse: nothing is kept."""
    raise ParameterError("response_id", f"there is no response {id[:100]!r}, because {NOT_KEPT}", WHOLE)


@dataclass
class ResponseReply:
    """One response in OpenAI's form, complete or as events."""

    asked: Asking
    base: str
    body: ResponseRequest
    id: str = field(default_factory=lambda: f"resp_{uuid.uuid4().hex}")
    item: str = field(default_factory=lambda: f"msg_{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def complete(self, answer: Answer) -> dict[str, Any]:
        """Return the complete response."""
        return self._response(whole(answer, self.asked.form(self.base)))

    def frames(self, events: Iterator[Event]) -> Generator[str]:
        """Yield the response as server-sent events; a failure after the first one is an event too."""
        begun = False
        try:
            for name, data in self._events(events):
                yield self._frame(name, data)
                begun = True
        except CodeIntelError as error:
            if not begun:
                raise
            yield self.failure(error)

    def failure(self, error: CodeIntelError) -> str:
        """Return the event that ends a failed stream."""
        told = openai_error(status_of(error), error.cause, error.cure, param_of(error))
        return self._frame("error", {key: told[key] for key in ("message", "code", "param")})

    def _frame(self, name: str, data: dict[str, Any]) -> str:
        return sse.frame({"type": name, "sequence_number": next(self._numbers)} | data, name)

    def _events(self, events: Iterator[Event]) -> Iterator[tuple[str, dict[str, Any]]]:
        begun = False
        for part in written(events, self.asked.form(self.base)):
            if not begun:
                yield from self._first()
                begun = True
            if isinstance(part, Ending):
                yield from self._last(part)
            elif part:
                yield "response.output_text.delta", self._place() | {"delta": part, "logprobs": []}

    def _first(self) -> Iterator[tuple[str, dict[str, Any]]]:
        yield "response.created", {"response": self._response(None)}
        yield "response.in_progress", {"response": self._response(None)}
        yield "response.output_item.added", {"output_index": 0, "item": self._message("in_progress", [])}
        yield "response.content_part.added", self._place() | {"part": _text("", [])}

    def _last(self, end: Ending) -> Iterator[tuple[str, dict[str, Any]]]:
        if end.refusal:
            yield "response.refusal.done", self._place() | {"refusal": end.refusal}
        else:
            for at, mark in enumerate(end.marks):
                added = {"annotation_index": at, "annotation": _annotation(mark)}
                yield "response.output_text.annotation.added", self._place() | added
            yield "response.output_text.done", self._place() | {"text": end.text, "logprobs": []}
        part = _content(end)
        yield "response.content_part.done", self._place() | {"part": part}
        yield "response.output_item.done", {"output_index": 0, "item": self._message(_status(end), [part])}
        yield f"response.{_status(end)}", {"response": self._response(end)}

    def _place(self) -> dict[str, Any]:
        return {"item_id": self.item, "output_index": 0, "content_index": 0}

    def _message(self, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
        return {"id": self.item, "type": "message", "role": "assistant", "status": status, "content": content}

    def _response(self, end: Ending | None) -> dict[str, Any]:
        """Return the response, still empty without its end."""
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "completed_at": int(time.time()) if end else None,
            "status": _status(end) if end else "in_progress",
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if end and end.reason == "length" else None,
            "instructions": self.body.instructions,
            "max_output_tokens": self.body.max_output_tokens,
            "metadata": {},
            "model": self.asked.model,
            "output": [self._message(_status(end), [_content(end)])] if end else [],
            "parallel_tool_calls": False,
            "previous_response_id": None,
            "store": False,
            "temperature": None,
            "text": {"format": self.asked.format or {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "usage": self._usage(len(end.text)) if end else None,
            "citations": end.citations if end else [],
            "ignored": self.asked.ignored,
        }

    def _usage(self, characters: int) -> dict[str, Any]:
        read, wrote = tokens(self.asked.characters), tokens(characters)
        details = {"cached_tokens": 0, "cache_write_tokens": 0}, {"reasoning_tokens": 0}
        usage = {"input_tokens": read, "output_tokens": wrote, "total_tokens": read + wrote}
        return usage | {"input_tokens_details": details[0], "output_tokens_details": details[1]}


def _status(end: Ending) -> str:
    return "incomplete" if end.reason == "length" else "completed"


def _content(end: Ending) -> dict[str, Any]:
    if end.refusal:
        return {"type": "refusal", "refusal": end.refusal}
    return _text(end.text, list(map(_annotation, end.marks)))


def _text(text: str, annotations: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}


def _annotation(mark: Mark) -> dict[str, Any]:
    at = {"start_index": mark.start, "end_index": mark.end}
    return {"type": "url_citation", "title": mark.title, "url": mark.url} | at
