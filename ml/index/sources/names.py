"""File names as printable text, whatever their bytes."""

MAX_SHOWN = 200


def printable(name: str) -> str:
    """Return a file name (from os.fsdecode) as printable text; different names never become equal.

    Bytes that are not UTF-8 and control characters become `\\xNN`, other unprintable characters `\\uNNNN`
    or `\\UNNNNNNNN`, and a backslash is doubled.
    """
    if name.isprintable() and "\\" not in name:
        return name
    return "".join(_printable(character) for character in name)


def storable(text: str) -> str:
    """Return a text that UTF-8 can encode: unchanged if possible, otherwise made printable."""
    return printable(text) if any("\ud800" <= character <= "\udfff" for character in text) else text


def shown(text: str) -> str:
    """Return a user's input for a message: printable and truncated."""
    text = printable(text[: MAX_SHOWN + 1])
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _printable(character: str) -> str:
    code = ord(character)
    if character == "\\":
        return "\\\\"
    if 0xDC80 <= code <= 0xDCFF:  # how os.fsdecode represents a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if character.isprintable():
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
