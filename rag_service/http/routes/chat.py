"""The OpenAI-compatible API, under /v1, so that any client or editor can use the assistant as a model."""

import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from ml.errors import CodeIntelError
from ml.index.store.base import Where
from rag_service.answer.asker import Asker
from rag_service.answer.events import Answer, Citation, Event, Text
from rag_service.answer.question import language_of
from rag_service.http import sse
from rag_service.http.errors import OPENAI_PREFIX, error_body, status_of
from rag_service.http.limits.security import bearer
from rag_service.http.routes import chores
from rag_service.http.routes.conversation import ChatRequest, conversation_of
from rag_service.http.routes.dependencies import Askers, Lanes, Served
from rag_service.http.routes.forms import OpenAIErrorOut
from rag_service.http.service import Service
from rag_service.wire import SOURCES, source_line

MODEL = "codeintel"
CHARACTERS_A_TOKEN = 4
DONE = "data: [DONE]\n\n"

ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": OpenAIErrorOut, "description": "an invalid request or question"},
    401: {"model": OpenAIErrorOut, "description": "a missing or wrong key"},
    404: {"model": OpenAIErrorOut, "description": "no such model"},
    413: {"model": OpenAIErrorOut, "description": "a request that is too large"},
    429: {"model": OpenAIErrorOut, "description": "too many questions at once; Retry-After says when to retry"},
    503: {"model": OpenAIErrorOut, "description": "the index, the embedder or the LLM is missing"},
}

router = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=[Depends(bearer)], responses=ERRORS)


@router.get("/models")
def models(service: Served) -> dict[str, Any]:
    """List the models: the whole index, and each repository alone; `llm` is the name of the LLM."""
    return {"object": "list", "data": [_model(name, service) for name in _model_names(service)]}


@router.get("/models/{model:path}")
def model(model: str, service: Served) -> dict[str, Any]:
    """Describe one model."""
    _where(model, service)
    return _model(model, service)


@router.post("/chat/completions")
async def chat_completions(
    body: ChatRequest, request: Request, service: Served, executor: Lanes, asker: Askers
) -> Response:
    """Answer the last user message, a follow-up in view of those before it.

    `citations` in the message (in a stream, in its last delta) resolve each `[n]`.
    Usage is an estimate, at four characters per token.
    """
    reply = Reply(body, sum(len(message.text) for message in body.messages))
    events = _events(body, service, asker)
    if body.stream:
        frames = await executor.start(reply.frames(events), asker, lambda error: failure(error) + DONE)
        return StreamingResponse(frames, media_type=sse.MEDIA_TYPE, headers=sse.HEADERS)
    return JSONResponse(reply.completion(await executor.answer(events, asker, request)))


def _events(body: ChatRequest, service: Service, asker: Asker) -> Generator[Event]:
    where = _where(body.model, service)
    chore = chores.reply(body.messages[-1].text)
    if chore is not None:
        yield Text(chore)
        yield Answer(id="", question="", answer=chore, citations=(), model=MODEL, timings={})
        return
    history, question = conversation_of(body.messages, service.settings.max_question_chars)
    yield from service.ask(question, where, asker, history)


def _model_names(service: Service) -> list[str]:
    return [MODEL, *(f"{MODEL}:{repository.name}" for repository in service.repositories())]


def _model(name: str, service: Service) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": MODEL, "llm": service.model()}


def _where(model: str, service: Service) -> Where:
    if model == MODEL:
        return Where()
    names = _model_names(service)
    if model not in names:
        raise HTTPException(404, f"there is no model {model!r}; available: {', '.join(names)}")
    return Where(repos=[model.removeprefix(f"{MODEL}:")])


@dataclass
class Reply:
    """One reply in OpenAI's form, complete or as a stream."""

    body: ChatRequest
    prompt_characters: int
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def completion(self, answer: Answer) -> dict[str, Any]:
        """Return the complete reply."""
        content = answer.answer + appendix(answer)
        message = {"role": "assistant", "content": content, "refusal": None, "citations": _citations(answer.citations)}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return self._head("chat.completion") | {"choices": [choice], "usage": self._usage(len(content))}

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
        characters = 0
        for number, event in enumerate(events):
            if number == 0:
                yield self._chunk({"role": "assistant", "content": ""})
            if isinstance(event, Text):
                characters += len(event.text)
                yield self._chunk({"content": event.text})
            elif isinstance(event, Answer):
                characters += len(appendix(event))
                yield self._chunk({"content": appendix(event)})
                yield self._chunk({"citations": _citations(event.citations)}, finish_reason="stop")
        if self.body.stream_options and self.body.stream_options.include_usage:
            yield self._head("chat.completion.chunk") | {"choices": [], "usage": self._usage(characters)}

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return self._head("chat.completion.chunk") | {"choices": [choice]}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.body.model}

    def _usage(self, completion_characters: int) -> dict[str, int]:
        prompt = -(-self.prompt_characters // CHARACTERS_A_TOKEN)
        completion = -(-completion_characters // CHARACTERS_A_TOKEN)
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def failure(error: CodeIntelError) -> str:
    """Return the event that ends a failed stream, in OpenAI's form."""
    return sse.frame(error_body(OPENAI_PREFIX, status_of(error), error.cause, error.cure))


def appendix(answer: Answer) -> str:
    """Return the text after the answer: notices as block quotes, and the sources as a list of `path:start-end`."""
    parts = [f"> {notice}" for notice in answer.notices]
    if answer.citations:
        parts.append(f"**{SOURCES[language_of(answer.question)]}**")
        parts.append("\n".join(map(source_line, answer.citations)))
    return "".join(f"\n\n{part}" for part in parts)


def _citations(citations: Sequence[Citation]) -> list[dict[str, Any]]:
    return [asdict(citation) for citation in citations]
