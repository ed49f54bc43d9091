"""Make control and invisible characters visible, as `<U+202E>`.

Code, paths, answers and errors are untrusted. A terminal obeys the control characters in them, and those that reorder
or hide text deceive a reader ("Trojan Source", CVE-2021-42574). Every output for people goes through
here; `rag_service/web/visible.js` follows the same rules on the page.

Left as they are: tabs and newlines; line endings (a CR before a newline is dropped); the joiners and variation
selectors inside emoji; the joiners between letters of scripts that are written with them, such as Persian and Hindi.
"""

import json
import logging
import re
from collections.abc import Callable

# C0 and C1 controls, bidi controls, zero-width and other default-ignorable characters, line separators, lone
# surrogates (bytes that are not UTF-8), interlinear annotations, tags and variation selectors.
_HIDDEN = (
    "\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f"
    "\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ud800-\\udfff\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb"
    "\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff"
)
HIDDEN = re.compile(f"[{_HIDDEN}]")
HIDDEN_OR_NEWLINE = re.compile(f"[\\n{_HIDDEN}]")
SURROGATE = re.compile("[\\ud800-\\udfff]")
EMOJI = re.compile(
    "[\\xa9\\xae\\u203c\\u2049\\u2122\\u2139\\u2190-\\u23ff\\u24c2\\u25a0-\\u27bf\\u2900-\\u297f\\u2b00-\\u2bff"
    "\\u3030\\u303d\\u3297\\u3299\\U0001f000-\\U0001faff]"
)
JOINED_LETTER = re.compile("[\\u0620-\\u06ff\\u0750-\\u077f\\u0870-\\u0dff]")
KEYCAP = "\u20e3"
VARIATION = frozenset("\ufe0e\ufe0f")
KEYS = frozenset("0123456789#*")
NON_JOINER, JOINER = "\u200c", "\u200d"

Mark = Callable[[str], str]
"""Set a shown character apart from the text around it."""


def visible(text: str, mark: Mark = str, *, is_line: bool = False) -> str:
    """Return the text with each control or invisible character made visible; with `is_line`, newlines too."""
    pattern = HIDDEN_OR_NEWLINE if is_line else HIDDEN
    return pattern.sub(lambda match: _shown(match, mark), text)


def label(character: str) -> str:
    """Return the visible form of a character: `<U+202E>`, or `<0xFF>` for a byte that is not UTF-8."""
    code = ord(character)
    return f"<0x{code - 0xDC00:02X}>" if 0xDC80 <= code <= 0xDCFF else f"<U+{code:04X}>"


def is_unicode(text: str) -> bool:
    """Return whether a text can be encoded as UTF-8: it contains no surrogates, paired or alone."""
    return not SURROGATE.search(text)


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return a value as JSON that keeps letters of any language and escapes invisible characters."""
    return HIDDEN.sub(lambda match: json.dumps(match[0])[1:-1], json.dumps(value, ensure_ascii=False, indent=indent))


class VisibleFormatter(logging.Formatter):
    """A log formatter for messages that may contain untrusted text."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text with each control or invisible character made visible."""
        return visible(super().format(record))


def _shown(match: re.Match[str], mark: Mark) -> str:
    text, at = match.string, match.start()
    before, after = text[max(at - 1, 0) : at], text[at + 1 : at + 2]
    if match[0] == "\r" and after in ("", "\n"):
        return ""
    return match[0] if _belongs(match[0], before, after) else mark(label(match[0]))


def _belongs(character: str, before: str, after: str) -> bool:
    """Return whether a character is part of an emoji or of a word that is written with it."""
    if character in VARIATION:
        return bool(EMOJI.match(before)) or (after == KEYCAP and before in KEYS)
    if character == JOINER and EMOJI.match(after):
        return before in VARIATION or bool(EMOJI.match(before))
    return character in (NON_JOINER, JOINER) and bool(JOINED_LETTER.match(before) and JOINED_LETTER.match(after))
