"""The text of a reply in OpenAI's API: where it ends, what it cites, and how many tokens it counts."""

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from rag_service.answer.events import Answer, Citation, Event, Text
from rag_service.answer.generated.segments import CODE_SPAN, segments
from rag_service.answer.question import Language, language_of
from rag_service.wire import SOURCES, source_line

CHARACTERS_A_TOKEN = 4
MARK = re.compile(r"\[(\d{1,9})\]")

Reason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a reply ends before its own end: at a sequence of `stop`, or after so many tokens."""

    stop: Sequence[str] = ()
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """How a reply is written: its limits, its language, and whether it is JSON."""

    limits: Limits
    language: Language | None
    is_json: bool
    base: str


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a reply: its `text` as a whole, why it ended, what it cites. A `refusal` stands in the place of JSON."""

    text: str
    reason: Reason
    citations: list[dict[str, Any]]
    marks: list["Mark"]
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A `[n]` in a text, from `start` to `end`, and the cited lines: `title` as path:line, `url` of this service's page."""

    start: int
    end: int
    title: str
    url: str


@dataclass
class Cut:
    """A text that grows until a limit: what could still become a stop sequence is held back."""

    limits: Limits
    text: str = ""
    reason: Reason = "stop"
    is_over: bool = False
    _held: str = field(default="", repr=False)

    def add(self, text: str) -> str:
        """Add to the text; return what may be shown of it."""
        if self.is_over:
            return ""
        self._held += text
        at = min((at for stop in self.limits.stop if (at := self._held.find(stop)) >= 0), default=-1)
        self.is_over = at >= 0
        return self._show(at if at >= 0 else len(self._held) - self._possible())

    def close(self) -> str:
        """Return what was held back."""
        return "" if self.is_over else self._show(len(self._held))

    def _possible(self) -> int:
        """Return the length of the longest end of the text with which a stop sequence begins."""
        longest = max((len(stop) for stop in self.limits.stop), default=1) - 1
        return next(
            (n for n in range(min(longest, len(self._held)), 0, -1) if self._begins_stop(self._held[-n:])),
            0,
        )

    def _begins_stop(self, end: str) -> bool:
        return any(stop.startswith(end) for stop in self.limits.stop)

    def _show(self, length: int) -> str:
        shown, self._held = self._held[:length], self._held[length:]
        if self.limits.tokens is not None and len(self.text) + len(shown) > self.limits.tokens * CHARACTERS_A_TOKEN:
            shown = shown[: self.limits.tokens * CHARACTERS_A_TOKEN - len(self.text)]
            self.is_over, self.reason = True, "length"
        self.text += shown
        return shown


def written(events: Iterable[Event], form: Form) -> Generator[str | Ending]:
    """Yield the parts of a reply's text as they come, then its Ending. Empty parts show that the caller is still there."""
    cut = Cut(form.limits)
    for event in events:
        if isinstance(event, Answer):
            yield from _last(event, cut, form)
        else:
            yield cut.add(event.text) if isinstance(event, Text) else ""


def whole(answer: Answer, form: Form) -> Ending:
    """Return a complete reply."""
    cut = Cut(form.limits)
    cut.add(answer.answer)
    _, end = _last(answer, cut, form)
    return end


def _last(answer: Answer, cut: Cut, form: Form) -> tuple[str, Ending]:
    """Return the last part of the text, and the end of the reply."""
    if form.is_json and not answer.found:
        return "", Ending("", "stop", [], [], refusal=answer.answer)
    part = cut.add("" if form.is_json else appendix(answer, form.language)) + cut.close()
    return part, ending(answer, cut, form)


def ending(answer: Answer, cut: Cut, form: Form) -> Ending:
    """Return the end of a reply; only what its text still cites is cited."""
    if form.is_json:
        return Ending(cut.text, cut.reason, _as_dicts(answer.citations), [])
    shown = answer.answer[: len(cut.text)]
    found = list(_marks(shown))
    cited = {citation.n: citation for citation in answer.citations}
    kept = [n for n in cited if any(n == mark for mark, _, _ in found)] if cut.is_over else list(cited)
    return Ending(
        cut.text,
        cut.reason,
        _as_dicts(cited[n] for n in kept),
        [_mark(cited[n], start, end, form.base) for n, start, end in sorted(found) if n in cited],
    )


def _as_dicts(citations: Iterable[Citation]) -> list[dict[str, Any]]:
    return [asdict(citation) for citation in citations]


def _marks(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield n, start and end of each `[n]` that is not in code."""
    at = 0
    for segment in segments(iter([text])):
        if not segment.is_code:
            code = [span.span() for span in CODE_SPAN.finditer(segment.text)]
            for mark in MARK.finditer(segment.text):
                if not any(first <= mark.start() < last for first, last in code):
                    yield int(mark[1]), at + mark.start(), at + mark.end()
        at += len(segment.text)


def _mark(citation: Citation, start: int, end: int, base: str) -> Mark:
    first, last = citation.line_start, citation.line_end
    lines = f"#L{first}" + (f"-L{last}" if last > first else "")
    query = urlencode({"repo": citation.repo, "path": citation.file_path})
    return Mark(start, end, place(citation), f"{base}file?{query}{lines}")


def place(citation: Citation) -> str:
    """Return the cited lines as `path:start-end`."""
    return f"{citation.file_path}:{citation.line_start}-{citation.line_end}"


def appendix(answer: Answer, language: Language | None = None) -> str:
    """Return the text after the answer: notices as block quotes, and the sources as a list of `path:start-end`."""
    parts = [f"> {notice}" for notice in answer.notices]
    if answer.citations:
        parts.append(f"**{SOURCES[language or language_of(answer.question)]}**")
        parts.append("\n".join(map(source_line, answer.citations)))
    return "".join(f"\n\n{part}" for part in parts)


def tokens(characters: int) -> int:
    """Return the estimated number of tokens of a text."""
    return -(-characters // CHARACTERS_A_TOKEN)
