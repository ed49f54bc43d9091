"""The project's own API, under /api."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from ml.adapters.models import list_models
from ml.errors import SourceError
from ml.index.chunk import numbered_lines
from rag_service import wire
from rag_service.answer.question import check_question
from rag_service.http import sse
from rag_service.http.limits.security import bearer
from rag_service.http.routes.dependencies import Askers, Lanes, Served
from rag_service.http.routes.forms import (
    AnswerOut,
    AskRequest,
    ErrorOut,
    FeedbackRequest,
    FileOut,
    ModelOut,
    RepositoryOut,
    SearchRequest,
    SearchResult,
)
from rag_service.retrieve import Hit

ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorOut, "description": "an invalid question"},
    401: {"model": ErrorOut, "description": "a missing or wrong key"},
    413: {"model": ErrorOut, "description": "a request that is too large"},
    422: {"model": ErrorOut, "description": "an invalid body"},
    429: {"model": ErrorOut, "description": "too many questions at once; Retry-After says when to retry"},
    503: {"model": ErrorOut, "description": "the index, the embedder or the LLM is missing"},
}

router = APIRouter(prefix="/api", tags=["Code"], dependencies=[Depends(bearer)], responses=ERRORS)


@router.post("/ask", response_model=AnswerOut)
async def ask(body: AskRequest, request: Request, service: Served, executor: Lanes, asker: Askers) -> Response:
    """Answer a question about the code, in view of the conversation so far: a kept `chat`, or the `history` that you send.

    With `Accept: text/event-stream` the answer comes as events: `evidence` (the numbered sources), `text` (its next
    part), `notice` (a line that is not part of it), `answer` (the whole, as without streaming) or `error`.
    """
    if body.chat:
        events = service.ask_in_chat(body.question, body.where(), asker, body.chat)
    else:
        events = service.ask(body.question, body.where(), asker, [turn.turn() for turn in body.history])
    if sse.MEDIA_TYPE in request.headers.get("accept", ""):
        frames = await executor.start(sse.frames(events, service.painter), asker, sse.failure)
        return StreamingResponse(frames, media_type=sse.MEDIA_TYPE, headers=sse.HEADERS)
    return JSONResponse(wire.answer(await executor.answer(events, asker, request)))


@router.post("/search", response_model=list[SearchResult])
async def search(body: SearchRequest, service: Served, executor: Lanes, asker: Askers) -> list[dict[str, Any]]:
    """Find code; return ranked chunks, best first."""
    query = check_question(body.query, service.settings.max_question_chars)

    def found() -> list[Hit]:
        return service.assistant.retriever.search(query, where=body.where(), limit=body.limit)

    return [wire.hit(hit) | {"language": hit.chunk.language} for hit in await executor.run(found, asker)]


@router.get("/repos", response_model=list[RepositoryOut])
def repos(service: Served) -> list[dict[str, Any]]:
    """List the indexed repositories and how fresh they are."""
    return [
        wire.repository(repo) | {"central_symbols": service.key_symbols.of(repo)} for repo in service.repositories()
    ]


@router.get("/models", response_model=list[ModelOut])
def models(service: Served) -> list[dict[str, Any]]:
    """List the language models: which one answers, and which others there are. `codeintel model` changes it."""
    return [asdict(model) for model in list_models(service.settings)]


@router.get("/file", response_model=FileOut, responses={404: {"model": ErrorOut, "description": "no such file"}})
def file(
    service: Served, repo: str = Query(max_length=500, examples=["fastapi"]), path: str = Query(max_length=4096)
) -> dict[str, Any]:
    """Return a stored file, highlighted. Whitespace-only lines are not stored; they are returned as empty lines."""
    chunks = service.assistant.store.chunks(repo, path)
    if not chunks:
        raise SourceError(f"no file {path!r} is indexed in {repo!r}", "use repo and path of a search result")
    stored = numbered_lines(chunks)
    text = "\n".join(stored.get(number, "") for number in range(1, max(stored) + 1))
    first = chunks[0]
    (lines,) = service.painter.lines([(text, first.language, path)])
    return {"repo": repo, "path": path, "revision": first.revision, "language": first.language, "lines": lines}


@router.post("/feedback", status_code=204)
def feedback(body: FeedbackRequest, service: Served, asker: Askers) -> None:
    """Record a reader's feedback on an answer."""
    service.take_feedback(body, asker)
