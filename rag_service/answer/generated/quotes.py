"""Check what a model quotes.

The rules for text outside fenced blocks:

- A code span that occurs in the evidence (ignoring whitespace) or in the question is kept.
- A code span with a name that occurs in neither removes its whole sentence; any other span loses its backticks.
- A `path:line` that is not a line of the evidence is removed.
- A link or an image is reduced to its text, an HTML tag is removed: see `links`.

A fenced block with lines that are not in the evidence is followed by a line that says so.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from ml.control_tokens import ANGLE, BRACKET, normalize_control_tokens
from ml.patterns import bounded
from rag_service.answer.events import Source
from rag_service.answer.generated.links import strip_links
from rag_service.answer.generated.segments import CODE_SPAN, Segment, map_outside_code

ODD_FENCE = re.compile(r" {4}|\t|[ \t]*+(?:`++[^`\n]*+`|~++[^\n]*`)")
A_PLACE = (
    r"(?P<open>\()?(?<![\w/:.+@-])(?P<path>(?:[\w.+@-]+/)*[\w.+@-]+\.[A-Za-z]\w{0,9}):L?(?P<start>\d{1,9})"
    r"(?:-L?(?P<end>\d{1,9}))?(?P<close>\))?"
)
PLACE = bounded(A_PLACE, longest=10_000)
PLACE_ALONE = bounded(A_PLACE, longest=1_000)
WORD = re.compile(r"[A-Za-z_$][\w$]*")
LONGEST_NAME = 200
NAME = bounded(r"\w_\w|[a-z\d][A-Z]|[A-Za-z]\d|^_|\(", longest=LONGEST_NAME)
ELLIPSIS = re.compile(r"\.\.\.|…")
LINE_NUMBER = re.compile(r"^\s*\d+\s*[|:]\s?|^\s*\d+ {2}")


class Quotations:
    """Checks one answer's quotations against the evidence; `dropped` counts those not found there."""

    def __init__(self, sources: Sequence[Source], question: str, own_code: str) -> None:
        self.dropped = 0
        self._sources = sources
        self._own_code = own_code
        texts = [question] + [
            f"{source.chunk.file_path}\n{source.chunk.symbol}\n{source.chunk.text}" for source in sources
        ]
        self._evidence = "\n".join(map(_squeeze, texts))
        self._holds_marks = any(mark in text for text in texts for mark in (ANGLE, BRACKET))
        self._words = frozenset(WORD.findall("\n".join(texts)))
        self._suffixes = frozenset(PurePosixPath(source.chunk.file_path).suffix for source in sources)

    def check(self, segment: Segment) -> str:
        """Return the segment's text without unsupported quotations, or "" if the whole sentence is removed."""
        if segment.is_code:
            block = _normalize_fences(segment.text)
            return self._restore_tokens(block) if self._is_code_of_evidence(block) else f"{block}\n{self._own_code}\n"
        # A Markdown reader that pairs backticks differently would turn code spans into text, or text into code.
        text = map_outside_code(
            self.strip_links(segment.text.replace("\\`", "`")), lambda plain: PLACE.sub(self._place, plain)
        )
        if any(self._is_invented(span.group(2)) for span in CODE_SPAN.finditer(text)):
            self.dropped += 1
            return "\n" if text.endswith("\n") else ""
        return self.strip_links(CODE_SPAN.sub(self._span, text))

    def strip_links(self, text: str) -> str:
        """Return Markdown outside fenced blocks without links, images, tags and unpaired backticks."""
        return map_outside_code(text, lambda plain: strip_links(plain.replace("`", ""), self._is_in_evidence))

    def _restore_tokens(self, code: str) -> str:
        """Restore code of the evidence in which the prompt had split a control token."""
        return code if self._holds_marks else normalize_control_tokens(code)

    def _span(self, span: re.Match[str]) -> str:
        content = span.group(2).strip()
        place = PLACE_ALONE.fullmatch(content)
        if place:
            return span.group() if self._place(place) else ""
        return self._restore_tokens(span.group()) if self._is_in_evidence(content) else content

    def _place(self, place: re.Match[str]) -> str:
        path, start = place["path"], int(place["start"])
        end = int(place["end"] or start)
        fitting = [source.chunk for source in self._sources if f"/{source.chunk.file_path}".endswith(f"/{path}")]
        if not fitting and "/" not in path and PurePosixPath(path).suffix not in self._suffixes:
            return place.group()  # host:port and the like
        if any(chunk.line_start <= start <= end <= chunk.line_end for chunk in fitting):
            return place.group()
        self.dropped += 1
        return "" if place["open"] and place["close"] else (place["open"] or "") + (place["close"] or "")

    def _is_invented(self, code: str) -> bool:
        """Return whether a code span contains a name that is in neither the evidence nor the question."""
        if self._is_in_evidence(code) or PLACE_ALONE.fullmatch(code.strip()):
            return False
        names = (
            word for word in WORD.finditer(code) if NAME.search(code[word.start() : word.end() + 1][-LONGEST_NAME:])
        )
        return any(name.group() not in self._words for name in names)

    def _is_in_evidence(self, code: str) -> bool:
        return all(_squeeze(part.strip().removesuffix("()")) in self._evidence for part in ELLIPSIS.split(code))

    def _is_code_of_evidence(self, block: str) -> bool:
        lines = (LINE_NUMBER.sub("", line) for line in block.strip().split("\n")[1:-1])
        return all(self._is_in_evidence(line.strip().lstrip("#/ ").rstrip("⋮ ")) for line in lines)


def _squeeze(text: str) -> str:
    return "".join(normalize_control_tokens(text).split())


def _normalize_fences(block: str) -> str:
    """Return a fenced block with fences that every Markdown reader recognises."""
    first, *lines, last = block.rstrip("\n").split("\n")
    if ODD_FENCE.match(first):
        first = first.lstrip(" \t")
        first = first[: len(first) - len(first.lstrip(first[0]))]
    return "\n".join([first, *lines, last.lstrip(" \t") if ODD_FENCE.match(last) else last]) + "\n"
