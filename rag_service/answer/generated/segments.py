"""Split streamed Markdown into pieces that can be checked and shown: a sentence, the rest of a line, a code block."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ml.patterns import bounded

FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)([^\n]+?)(?<!`)\1(?!`)")
# A sentence is complete only once something other than its citation has begun.
SENTENCE_END = bounded(r"[.!?…][\"'»)\]*_]*(?:[ \t]*+\[[^\[\]\n]*+\])*[ \t]+(?=[^\s\[(])", longest=20_000)


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of Markdown; `is_code` if it is a fenced block with both fences."""

    text: str
    is_code: bool


def map_outside_code(text: str, change: Callable[[str], str]) -> str:
    """Apply `change` to a line, except to its code spans."""
    parts, at = [], 0
    for span in CODE_SPAN.finditer(text):
        parts += [change(text[at : span.start()]), span.group()]
        at = span.end()
    return "".join([*parts, change(text[at:])])


def sentences(line: str) -> Iterator[str]:
    """Cut a line of prose into sentences that say something; what stands in code spans does not end one."""
    masked = CODE_SPAN.sub(lambda span: "x" * len(span.group()), line)
    at = 0
    for end in (*(found.end() for found in SENTENCE_END.finditer(masked)), len(line)):
        if any(letter.isalnum() for letter in line[at:end]):
            yield line[at:end].strip()
        at = end


def segments(parts: Iterator[str]) -> Iterator[Segment]:
    """Yield each segment of a stream once it is complete. Joined, they are the stream, with its last fence closed."""
    splitter = _Splitter()
    for part in parts:
        yield from splitter.feed(part)
    yield from splitter.close()


class _Splitter:
    def __init__(self) -> None:
        self._rest = ""
        self._code = ""
        self._fence = ""
        self._at_line_start = True

    def feed(self, part: str) -> Iterator[Segment]:
        self._rest += part
        while "\n" in self._rest:
            line, self._rest = self._rest.split("\n", 1)
            yield from self._line(line + "\n")
        if not self._fence and not (self._at_line_start and FENCE.match(self._rest + "```")):
            yield from self._sentences()

    def close(self) -> Iterator[Segment]:
        if self._rest:
            yield from self._line(self._rest)
        if self._fence:
            end = "" if self._code.endswith("\n") else "\n"
            yield Segment(f"{self._code}{end}{self._fence}\n", is_code=True)

    def _line(self, line: str) -> Iterator[Segment]:
        fence = FENCE.match(line) if self._at_line_start else None
        self._at_line_start = True
        if self._fence:
            self._code += line
            if fence and fence.group(1).startswith(self._fence) and not line[fence.end() :].strip():
                yield Segment(self._code, is_code=True)
                self._fence = self._code = ""
        elif fence:
            self._fence, self._code = fence.group(1), line
        else:
            yield Segment(line, is_code=False)

    def _sentences(self) -> Iterator[Segment]:
        ends = [end.end() for end in SENTENCE_END.finditer(self._rest)]
        end = next((end for end in reversed(ends) if _is_balanced(self._rest[:end])), 0)
        if end:
            yield Segment(self._rest[:end], is_code=False)
            self._rest = self._rest[end:]
            self._at_line_start = False


def _is_balanced(text: str) -> bool:
    """Return whether all code spans and brackets are closed at the end of a text."""
    plain = CODE_SPAN.sub("", text)
    return "`" not in plain and plain.count("[") <= plain.count("]")
