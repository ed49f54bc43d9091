"""File names as text that can be printed, whatever bytes they are made of."""

MAX_SHOWN = 200


def printable(name: str) -> str:
    """Return a file name (as os.fsdecode gives it) as printable text; two different names never give the same.

    A byte that is not UTF-8 and a control character become `\\xNN`, another character that can't be printed `\\uNNNN`
    or `\\UNNNNNNNN`, and a backslash two.
    """
    if name.isprintable() and "\\" not in name:
        return name
    return "".join(_printable(character) for character in name)


def storable(text: str) -> str:
    """Return a text as UTF-8 can hold it: as it is, or else printable."""
    return printable(text) if any("\ud800" <= character <= "\udfff" for character in text) else text


def shown(text: str) -> str:
    """Return what a user named, as a message may repeat it: printable, and not endless."""
    text = printable(text[: MAX_SHOWN + 1])
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _printable(character: str) -> str:
    code = ord(character)
    if character == "\\":
        return "\\\\"
    if 0xDC80 <= code <= 0xDCFF:  # how os.fsdecode carries a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if character.isprintable():
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
