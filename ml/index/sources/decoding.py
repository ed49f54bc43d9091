"""Decode a file's bytes into text with the same lines that an editor shows."""

import codecs
import re

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
CYRILLIC = ("cp1251", "koi8-r", "cp866")
FREQUENT = frozenset("оеаинтсрвлкмдпу")
FOREIGN_WORD = re.compile(rb"[\x80-\xff]{3,}")


def decode(data: bytes) -> str | None:
    """Return the text of a file with "\\n" line endings, or None if it is binary.

    UTF-8 and encodings with a byte order mark are exact. For the rest, the likeliest of the Cyrillic code pages and
    Windows-1252 is used; lines are the same in all of them.
    """
    encoding = next((name for mark, name in BOMS if data.startswith(mark)), None)
    if encoding is None and b"\0" in data:
        return None
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        if encoding in ("utf-16", "utf-32"):
            return None
        text = data.decode(_guess(data), "replace")
    return None if "\0" in text else text.replace("\r\n", "\n").replace("\r", "\n")


def _guess(data: bytes) -> str:
    """Guess the encoding of bytes that are not UTF-8.

    A Cyrillic word is a run of bytes over 127, while in western European text such bytes are isolated between ASCII
    letters. The right Cyrillic code page yields the letters that are frequent in Russian, in lower case.
    """
    words = b" ".join(FOREIGN_WORD.findall(data))
    high = sum(byte >= 0x80 for byte in data)
    if len(words.replace(b" ", b"")) * 2 < high:
        return "cp1252"
    return max(CYRILLIC, key=lambda name: sum(letter in FREQUENT for letter in words.decode(name, "replace")))
