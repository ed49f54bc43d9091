"""The kept chats, under /api/chats: list and search, open, rename, delete, export."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import PlainTextResponse

from rag_service.chats.markdown import export
from rag_service.chats.store import KeptTurn
from rag_service.http.limits.security import bearer
from rag_service.http.painting import Painter
from rag_service.http.routes.api import ERRORS
from rag_service.http.routes.dependencies import Askers, Served
from rag_service.http.routes.forms import ChatOut, ChatsOut, ErrorOut, RenameRequest, WholeChatOut

MISSING: dict[int | str, dict[str, Any]] = ERRORS | {
    404: {"model": ErrorOut, "description": "no such chat"},
    503: {"model": ErrorOut, "description": "the chats can't be read or written"},
}

router = APIRouter(prefix="/api/chats", tags=["Chats"], dependencies=[Depends(bearer)], responses=MISSING)


@router.get("", response_model=ChatsOut)
def chats(
    service: Served,
    asker: Askers,
    query: str = Query("", max_length=500, description="words that a chat has to contain, in any letter case"),
    limit: int = Query(100, ge=1, le=1_000),
    offset: int = Query(0, ge=0, le=1_000_000),
) -> dict[str, Any]:
    """List the kept chats, last used first."""
    if not service.settings.keep_chats:
        return {"keeps": False, "chats": []}
    found = service.chats.find(query, viewer=service.viewer(asker), limit=limit, offset=offset)
    return {"keeps": True, "chats": list(map(asdict, found))}


@router.get("/{chat}", response_model=WholeChatOut)
def open_chat(chat: str, service: Served, asker: Askers) -> dict[str, Any]:
    """Return a chat with its turns; code in answers and citations is highlighted."""
    viewer = service.viewer(asker)
    head, turns = service.chats.chat(chat, viewer=viewer), service.chats.turns(chat, viewer=viewer)
    return asdict(head) | {"conversation": list(_painted(turns, service.painter))}


@router.patch("/{chat}", response_model=ChatOut)
def rename(chat: str, body: RenameRequest, service: Served, asker: Askers) -> dict[str, Any]:
    """Give a chat another title."""
    return asdict(service.chats.rename(chat, body.title, viewer=service.viewer(asker)))


@router.delete("/{chat}", status_code=204)
def delete(chat: str, service: Served, asker: Askers) -> None:
    """Delete a chat for good."""
    service.chats.delete(chat, viewer=service.viewer(asker))


@router.get("/{chat}/export", response_class=PlainTextResponse)
def export_chat(chat: str, service: Served, asker: Askers) -> Response:
    """Return a chat as a Markdown file, its citations as `path:line`."""
    viewer = service.viewer(asker)
    head = service.chats.chat(chat, viewer=viewer)
    text = export(head, service.chats.turns(chat, viewer=viewer))
    name = {"Content-Disposition": f'attachment; filename="chat-{head.id}.md"'}
    return Response(text, media_type="text/markdown; charset=utf-8", headers=name)


def _painted(turns: list[KeptTurn], painter: Painter) -> Iterator[dict[str, Any]]:
    for turn in turns:
        lines = painter.lines([(cited.quote, "", cited.file_path) for cited in turn.citations])
        sources = [
            {name: value for name, value in asdict(cited).items() if name != "quote"} | {"lines": painted}
            for cited, painted in zip(turn.citations, lines, strict=True)
        ]
        yield asdict(turn) | {"blocks": painter.blocks(turn.answer["answer"]), "sources": sources}
