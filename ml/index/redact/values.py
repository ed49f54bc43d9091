"""What follows a name that announces a secret: the value that code, settings or markup give to it."""

import re

from ml.index.redact.spans import LONGEST

REST = (
    r"(?:word|wd|phrase|code|w)?s?(?:[_.-]?(?:hash|base|value|val|string|str|prod(?:uction)?|dev(?:elopment)?|test(?:ing)?"
    r"|stag(?:e|ing)|live|primary|secondary|main|default|new|old|current|backup|admin|root|user|db|plain(?:text)?|raw|b64"
    r"|base64|hex|data|id)|[_-]?\d{1,2}){0,24}+"
    r"(?:(?:_(?:for|of|to|on|at)_|-(?:for|of|to|on|at)-|(?-i:For|Of|To|On|At)(?=(?-i:[A-Z])))[\w-]{1,40})?"
    r"(?![A-Za-z0-9_])"
)
CLOSED = r"(?:\\{0,4}[\"'`])?[)\]}]{0,2}"
BLANKS = r"[ \t]{0,80}+"
TYPE = r"(?::[ \t]{0,9}[\w&'<>\[\]?.]{1,60}(?: [\w&'<>\[\]?.]{1,60}){0,2}(?=[ \t]{0,9}=))?"
ASSIGNED = (
    rf"{BLANKS}=[ \t]{{0,9}}[\w.\[\]\"'()]{{1,60}}[ \t]+(?:\|\||\?\?|or)[ \t]{{1,9}}"
    rf"|{BLANKS}{TYPE}{BLANKS}(?:=>|->|<-|:=|\?\?=?|\|\|=?|==?=?|!==?|\+=|:-|:|\bor\b|→|—|–){BLANKS}(?:\[\s{{0,80}}+(?=[\"']))?"
    r"|[ \t]{1,80}+(?=[\"'«“„])|(?:,[ \t]{0,9}|\([ \t]{0,9})(?=[rRbBuUfFL@$]{0,2}\\{0,4}[\"'`])|>(?=[^<\n]{1,200}</)"
    rf"|:{BLANKS}[|>][-+]?{BLANKS}\r?\n[ \t]{{1,80}}+|{BLANKS}\{{[^{{}}]{{0,200}}?\bdefault[ \t]{{0,9}}=[ \t]{{0,9}}"
    rf"|[ \t]{{1,80}}+value[ \t]{{0,9}}=[ \t]{{0,9}}|,?\s{{0,80}}[\"']?value[\"']?[ \t]{{0,9}}[:=][ \t]{{0,9}}"
)
# «"» doubled within a string of Basic or 1C, tripled in Python; an empty string is none of these.
QUOTED = r"[rRbBuUfFL@$]{0,2}(?P<quote>\\{0,4}(?:\"\"\"|'''|\"\"(?=[^\s\",;:=)\]}|&+])|''(?=[^\s',;:=)\]}|&+])|[\"'`«“„])(?=[^\n]))"
BARE = r"(?P<bare>[^\s\"'`,;<>(){}\[\]|&\\«»“”]{4,512}+)(?=[\s;,\"'&<}\]|\\»”]|$)"
FOLLOWING = rf"{CLOSED}(?:{ASSIGNED})(?:{QUOTED}|{BARE})"
VALUE = re.compile(rf"{REST}{FOLLOWING}", re.IGNORECASE)
VALUE_OF_WHOLE_NAME = re.compile(FOLLOWING, re.IGNORECASE)
CLOSING = {"«": "»", "“": "”", "„": "“"}


class Strings:
    """Finds the ends of strings in a text; that of a quote is looked for once, however many places ask for it."""

    def __init__(self, text: str, *, across_lines: bool = False) -> None:
        self._text = text
        self._across_lines = across_lines
        self._known: dict[str, tuple[int, int]] = {}

    def end(self, quote: str, start: int) -> int:
        """Return where a string that begins at a place ends; -1 where it has no end in its line, or is too long."""
        closing = CLOSING.get(quote, quote)
        end = self._next(closing, start)
        if self._across_lines:
            return end
        line_end = self._next("\n", start)
        return -1 if end < 0 or end - start > LONGEST or 0 <= line_end < end else end

    def _next(self, wanted: str, start: int) -> int:
        since, end = self._known.get(wanted, (0, -2))
        if not (end != -2 and since <= start and (end == -1 or start <= end)):
            end = self._unescaped(wanted, start)
            self._known[wanted] = (start, end)
        return end

    def _unescaped(self, wanted: str, start: int) -> int:
        end = self._text.find(wanted, start)
        while end > start and self._escapes(end, start) % 2 and not wanted.startswith(("\\", "\n")):
            end = self._text.find(wanted, end + 1)
        return end

    def _escapes(self, at: int, start: int) -> int:
        """Count the backslashes before a place, as far as their number matters."""
        first = at
        while first > max(start, at - 64) and self._text[first - 1] == "\\":
            first -= 1
        return at - first
