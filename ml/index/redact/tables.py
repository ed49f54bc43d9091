"""Columns of secrets: tables of Markdown, reStructuredText, CSV and HTML whose header says what stands below it."""

import re
from collections.abc import Iterator

from ml.index.redact.spans import (
    DIGEST_OR_PLACE,
    PLAIN_PARTS,
    TECHNICAL,
    WORDS_ALONE,
    Span,
    is_placeholder,
    looks_chosen,
)
from ml.patterns import bounded

ANCHORS = (
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "pin",
    "парол",
    "секрет",
    "токен",
    "ключ",
    "доступа",
    "пин",
    "parol",
    "sekret",
    "klyuch",
)
# After the word the cell ends soon, and with it the line or the column.
END_OF_CELL = re.compile(r"[\w .*`\"'»-]{0,30}(?:[|;,<\t\r\n]|  |$)")
HEADING = bounded(
    r"(?i:[\s*_`\"'«»]*(?:[\w.-]{1,20}[ _-]){0,2}(?:password|passwd|passphrase|pass|pwd|secret(?:[ _-]key)?"
    r"|(?:api|access|auth)[ _-]?(?:key|token)|token"
    r"|пароль|пароли|секрет\w{0,6}(?:[ _-]ключ)?|токен|ключ(?:[ _-](?:доступа|api))?|(?:api|апи)[ _-]ключ"
    r"|код[ _-]доступа|пин(?:-код)?|parol|sekret|klyuch|kod[ _-]dostupa)"
    r"(?:[ _-][\w.-]{1,20}){0,3}[\s*_`\"'«»]*)",
    longest=80,
)
CELL = bounded(r"[\w .,*`\"'«»/№#()-]{0,60}", longest=60)
MOST_LINE = 4_000
LONGEST_HEADER = 400
BORDER = bounded(r"=++(?=[ \t]|$)", longest=LONGEST_HEADER)
ROW = re.compile(r"(?i:<tr)")
HTML_CELL = re.compile(r"(?i:<t[hd][^<>]{0,200}>)(?P<cell>[^<]{0,400}(?:<(?!/?t)[^<>]{0,100}>[^<]{0,400}){0,4})")
TAG = re.compile(r"<[^<>]{0,200}>")
WRAPPED = "*_`\"' \t«»"


def find_in_tables(text: str, lower: str, anchors: frozenset[str]) -> Iterator[Span]:
    """Yield what stands in columns that are headed by a name of secrets; `anchors` are those in the text."""
    headers = sorted(_headers(text, lower, anchors.intersection(ANCHORS)))
    for number, (start, end) in enumerate(headers, start=1):
        yield from _below(text, start, end, headers[number][0] if number < len(headers) else len(text) + 1)
    if headers and "<tr" in lower:
        yield from _html(text)


def _headers(text: str, lower: str, anchors: frozenset[str]) -> set[tuple[int, int]]:
    """Return the lines in which a cell ends with, or soon after, a word that announces secrets."""
    found = set[tuple[int, int]]()
    for word in anchors:
        at = lower.find(word)
        while at >= 0:
            at += len(word)
            if END_OF_CELL.match(text, at):
                start, end = _line_start(text, at), text.find("\n", at, at + LONGEST_HEADER)
                found.add((start, end if end >= 0 else min(len(text), at + LONGEST_HEADER)))
            at = lower.find(word, at)
    return found


def _line_start(text: str, at: int) -> int:
    """Return where a line begins, or a place before which it is too long to be a header."""
    since = max(0, at - LONGEST_HEADER)
    return max(since, text.rfind("\n", since, at) + 1)


def _below(text: str, start: int, end: int, limit: int) -> Iterator[Span]:
    """Yield the secrets in the lines under a header, as long as they have as many cells."""
    header = text[start:end].rstrip("\r")
    delimiter = next((sign for sign in "|\t;," if sign in header), "")
    if not delimiter:
        yield from _ruled(text, start, end, limit)
        return
    columns, width = _headings(header, delimiter), header.count(delimiter)
    while columns and 0 < end < limit - 1:
        start, end = end + 1, text.find("\n", end + 1, end + 1 + MOST_LINE)
        line = text[start : end if end >= 0 else start + MOST_LINE].rstrip("\r")
        if line.count(delimiter) == width:
            yield from _cells(line, start, columns, delimiter)
        elif not (line.startswith("+") and delimiter == "|"):
            break


def _headings(line: str, delimiter: str) -> list[int]:
    """Return the numbers of the columns that hold secrets; none where the line is no header."""
    if len(line) > LONGEST_HEADER:
        return []
    cells = line.split(delimiter)
    inner = [cell for cell in cells if cell.strip()] if delimiter == "|" else cells
    if len(inner) < 2 or not all(cell.strip() and CELL.fullmatch(cell.strip()) for cell in inner):
        return []
    return [number for number, cell in enumerate(cells) if HEADING.fullmatch(cell)]


def _cells(line: str, start: int, columns: list[int], delimiter: str) -> Iterator[Span]:
    at = start
    for number, cell in enumerate(line.split(delimiter)):
        if number in columns and (span := _span(cell, at)):
            yield span
        at += len(cell) + len(delimiter)


def _span(cell: str, at: int) -> Span | None:
    value = cell.strip(WRAPPED + "\r")
    if not _is_secret(value):
        return None
    start = at + cell.index(value)
    return Span(start, start + len(value), "password")


def _is_secret(value: str) -> bool:
    """Tell whether a cell under such a heading is a secret, and not what is said about one."""
    if not 4 <= len(value) <= 200 or any(map(str.isspace, value)) or any(sign in value for sign in "(){}[]<>"):
        return False
    if is_placeholder(value) and not (value.isdigit() and value not in ("1234", "0000", "1111")):
        return False
    if DIGEST_OR_PLACE.match(value) or WORDS_ALONE.fullmatch(value) or TECHNICAL.fullmatch(value):
        return False
    return looks_chosen(value) or (any(map(str.isdigit, value)) and not PLAIN_PARTS.fullmatch(value))


def _ruled(text: str, start: int, end: int, limit: int) -> Iterator[Span]:
    """Yield the secrets of reStructuredText's simple tables: columns between rules of "="."""
    above = max(0, start - 1)
    rule = text[_line_start(text, above) : above]
    if not rule.startswith("==") or rule.strip("= \t\r"):
        return
    header = text[start:end]
    places = [found.span() for found in BORDER.finditer(rule)]
    places[-1] = places[-1][0], MOST_LINE  # the last column is as wide as it needs to be
    columns = [(left, right) for left, right in places if HEADING.fullmatch(header[left:right])]
    while columns and 0 < end < limit - 1:
        start, end = end + 1, text.find("\n", end + 1, end + 1 + MOST_LINE)
        line = text[start : end if end >= 0 else start + MOST_LINE]
        if not line.strip():
            break
        yield from (span for left, right in columns if (span := _span(line[left:right], start + left)))


def _html(text: str) -> Iterator[Span]:
    columns: list[int] = []
    starts = [found.start() for found in ROW.finditer(text)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        cells = list(HTML_CELL.finditer(text, start, min(end, start + MOST_LINE)))
        plain = [TAG.sub("", cell["cell"]).strip() for cell in cells]
        headed = [number for number, cell in enumerate(plain) if HEADING.fullmatch(cell)]
        if len(cells) > 1 and headed:
            columns = headed
            continue
        for number in columns:
            if number < len(cells) and (span := _within(cells[number])):
                yield span


def _within(cell: re.Match[str]) -> Span | None:
    """Return the secret in a cell of HTML, which may be marked up."""
    at = cell.start("cell")
    for piece in TAG.split(cell["cell"]):
        if span := _span(piece, at + cell["cell"].find(piece)):
            return span
    return None
