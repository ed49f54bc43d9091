"""Server-sent events: the events of an answer, as the page reads them."""

import json
from collections.abc import Generator, Iterator
from typing import Any

from ml.errors import CodeIntelError
from rag_service import wire
from rag_service.answer.events import Answer, Event, Evidence, Notice, Source, Text
from rag_service.http.highlight import Line
from rag_service.http.painting import Painter

MEDIA_TYPE = "text/event-stream"
HEADERS = {"X-Accel-Buffering": "no"}  # proxies must not buffer events


def to_json(data: object) -> str:
    """Return data as one line of JSON."""
    return json.dumps(data, ensure_ascii=False)


def frame(data: object, name: str | None = None) -> str:
    """Return one event: its name, if any, and its data as one line of JSON."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {to_json(data)}\n\n"


def frames(events: Iterator[Event], painter: Painter) -> Generator[str]:
    """Yield evidence, text, notice and answer events; a failure after the first of them is an `error` event."""
    begun = False
    try:
        for event in events:
            name, data = _encoded(event, painter)
            yield frame(data, name)
            begun = True
    except CodeIntelError as error:
        if not begun:
            raise
        yield failure(error)


def failure(error: CodeIntelError) -> str:
    """Return the event that ends a failed stream."""
    return frame({"cause": error.cause, "cure": error.cure}, "error")


def _encoded(event: Event, painter: Painter) -> tuple[str, dict[str, Any]]:
    match event:
        case Evidence(sources):
            chunks = [source.chunk for source in sources]
            painted = painter.lines([(chunk.text, chunk.language, chunk.file_path) for chunk in chunks])
            return "evidence", {"sources": list(map(_source, sources, painted))}
        case Text(text, part):
            return "text", {"text": text, "part": part}
        case Notice(text):
            return "notice", {"text": text}
        case Answer():
            return "answer", wire.answer(event) | {"blocks": painter.blocks(event.answer)}


def _source(source: Source, lines: list[Line]) -> dict[str, Any]:
    chunk = source.chunk
    return {
        "n": source.n,
        "repo": chunk.repo,
        "file_path": chunk.file_path,
        "line_start": chunk.line_start,
        "line_end": chunk.line_end,
        "language": chunk.language,
        "symbol": chunk.symbol,
        "kind": chunk.kind,
        "score": round(source.score, 6),
        "lines": lines,
    }
