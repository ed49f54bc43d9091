"""Check citations: each `[n]`, `[n, m]`, `[n:120-130]` has to refer to evidence that is still in the index.

Valid citations are written as `[n]`; invalid ones are removed from the text and counted. Every n has one Citation,
whose lines are the smallest range that contains all lines cited as n.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from ml.patterns import bounded
from rag_service.answer.events import Citation, Source
from rag_service.answer.generated.segments import Segment, map_outside_code, segments

REFERENCE = re.compile(r"[\[【][ \t]*(\d[\dL,;:\-– \t]*)[\]】]")
ITEM = bounded(r"(\d+)(?:[ \t]*:[ \t]*L?(\d+)(?:[ \t]*[-–][ \t]*L?(\d+))?)?(?:[ \t]*[-–][ \t]*(\d+))?", longest=100)
NUMBER = re.compile(r"\d+")
LONG_FENCE = re.compile(r"`{3,}|~{3,}")
CLOSING = ("", *".,;:!?)»\"'\n")

OPEN, CLOSE = "\x02", "\x03"  # brackets of a valid citation, until its segment is complete

StoredLines = Callable[[str, str], Mapping[int, str]]


class Citations:
    """The citations of one answer.

    `stored` returns line number -> text of a file, as currently indexed.
    """

    def __init__(self, sources: Sequence[Source], stored: StoredLines) -> None:
        self.dropped = 0
        self._sources = {source.n: source for source in sources}
        self._stored = stored
        self._cited: dict[int, tuple[int, int]] = {}
        self._indexed: dict[int, bool] = {}

    def check(self, segment: Segment) -> str:
        """Return a segment's text without invalid citations. Code is unchanged."""
        if segment.is_code:
            return segment.text
        before, text = "", segment.text.replace(OPEN, "").replace(CLOSE, "")
        while before != text:  # removing a citation may join text into a new one
            before, text = text, map_outside_code(LONG_FENCE.sub("", text), self._checked)
        return text.replace(OPEN, "[").replace(CLOSE, "]")

    def resolve(self) -> list[Citation]:
        """Return the citations so far, by number, with the stored text of exactly their lines."""
        return [self._citation(n, *self._cited[n]) for n in sorted(self._cited)]

    def _checked(self, plain: str) -> str:
        text, at = "", 0
        for reference in REFERENCE.finditer(plain):
            text += plain[at : reference.start()]
            at = reference.end()
            numbers = self._resolve(reference.group(1))
            if numbers:
                text += "".join(f"{OPEN}{n}{CLOSE}" for n in numbers)
            elif plain[at : at + 1] in CLOSING:
                text = text.rstrip(" \t")
            elif not text[-1:].strip():
                at += len(plain) - at - len(plain[at:].lstrip(" \t"))
            elif plain[at] not in " \t":
                text += " "
        return text + plain[at:]

    def _resolve(self, listed: str) -> list[int]:
        """Return the distinct valid numbers in a reference, and record their lines."""
        numbers = []
        for item in listed.replace(";", ",").strip(" \t,").split(","):
            ranges = list(self._item(item.strip()))
            self.dropped += not ranges
            for n, start, end in ranges:
                first, last = self._cited.get(n, (start, end))
                self._cited[n] = (min(first, start), max(last, end))
                numbers.append(n)
        return list(dict.fromkeys(numbers))

    def _item(self, item: str) -> Iterator[tuple[int, int, int]]:
        match = ITEM.fullmatch(item)
        if not match:
            return
        first, start, end, last = (int(digits) if digits and len(digits) < 10 else None for digits in match.groups())
        for n in _span(first, last):
            lines = self._lines(n, start, end)
            if lines:
                yield n, *lines

    def _lines(self, n: int, start: int | None, end: int | None) -> tuple[int, int] | None:
        """Return the lines of n, or n:start-end, if they are evidence and still in the index."""
        source = self._sources.get(n)
        if source is None or not self._is_indexed(source):
            return None
        chunk = source.chunk
        if start is None:
            return chunk.line_start, chunk.line_end
        end = start if end is None else end
        return (start, end) if chunk.line_start <= start <= end <= chunk.line_end else None

    def _is_indexed(self, source: Source) -> bool:
        if source.n not in self._indexed:
            chunk = source.chunk
            stored = self._stored(chunk.repo, chunk.file_path)
            self._indexed[source.n] = all(
                stored.get(number, "" if not line.strip() else None) == line
                for number, line in enumerate(chunk.text.split("\n"), start=chunk.line_start)
            )
        return self._indexed[source.n]

    def _citation(self, n: int, start: int, end: int) -> Citation:
        chunk = self._sources[n].chunk
        lines = chunk.text.split("\n")[start - chunk.line_start : end - chunk.line_start + 1]
        return Citation(n, chunk.repo, chunk.file_path, start, end, "\n".join(lines))


def _span(first: int | None, last: int | None) -> Sequence[int]:
    if first is None:
        return ()
    return range(first, min(last, first + 20) + 1) if last is not None else (first,)


def references(markdown: str) -> list[int]:
    """Return the n of every `[n]` that is visible in the rendered Markdown, in order."""
    found: list[int] = []

    def collect(plain: str) -> str:
        found.extend(int(n) for reference in REFERENCE.finditer(plain) for n in NUMBER.findall(reference.group(1)))
        return plain

    for segment in segments(iter([markdown])):
        if not segment.is_code:
            map_outside_code(segment.text, collect)
    return found
