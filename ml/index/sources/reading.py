"""Read a file, or decide by its content that it is skipped. Runs in worker processes."""

import re

from ml.index.chunk import digest
from ml.index.sources.base import Reason, Skipped, SourceFile, SourceText
from ml.index.sources.decoding import decode
from ml.index.sources.files import read_regular
from ml.index.sources.tree.rules import MAX_PATH, is_long_data
from ml.patterns import bounded

HEAD = 2_000
# A comment near the top that marks generated code: Go's convention, Facebook's and .NET's, and the usual phrases.
GENERATED = bounded(
    r"^\W{0,10}(?:code generated .{0,200}do not edit|@generated\b|<auto-?generated\b"
    r"|(?:this|the) (?:file|code|module) (?:is|was|has been) (?:auto[- ]?|automatically |machine[- ])generated"
    r"|(?:auto[- ]?|automatically |machine[- ])generated .{0,80}(?:do not|don'?t) (?:edit|modify|change))",
    re.IGNORECASE | re.MULTILINE,
    longest=HEAD,
)
LONG_LINE, LONG_PROSE_LINE = 500, 5_000
ORDINARY_LINES, MAX_EMBEDDED = 50, 100_000
PROSE = bounded(
    r"\.(?:md|mdx|markdown|rst|txt|adoc|asciidoc|org|tex|html?|wiki|rdoc|pod)$|/[^.]*$", re.IGNORECASE, longest=MAX_PATH
)


def read(file: SourceFile, max_bytes: int) -> SourceText | Skipped:
    """Return a file's text, or why it is skipped; files larger than `max_bytes` are.

    Lines are numbered as in an editor. Never raise: a file that can't be read is "unreadable".
    """
    content = read_regular(file.absolute, max_bytes)
    if isinstance(content, str):
        return Skipped(file.path, content)
    text = decode(content)
    if text is None:
        return Skipped(file.path, "binary")
    reason = _reason(file.path, text, len(content))
    return Skipped(file.path, reason) if reason else SourceText(file.path, text, digest(content))


def fingerprint(file: SourceFile, max_bytes: int) -> str:
    """Return the digest of a file's bytes, as `read` does, or "" for a file that `read` would not open."""
    content = read_regular(file.absolute, max_bytes)
    return "" if isinstance(content, str) else digest(content)


def _reason(path: str, text: str, size: int) -> Reason | None:
    if not text or text.isspace():
        return "empty"
    if is_long_data(path, size):
        return "data"
    if "generated" in text[:HEAD].lower() and GENERATED.search(text[:HEAD]):
        return "generated"
    return "minified" if _is_minified(path, text) else None


def _is_minified(path: str, text: str) -> bool:
    """Return whether most of a text is in lines too long to be written by hand; prose may have such lines.

    Source code that embeds an image or a table in one long line has ordinary lines around it.
    """
    limit = LONG_PROSE_LINE if PROSE.search("/" + path) else LONG_LINE
    if len(text) < HEAD:
        return False
    lines = text.split("\n")
    long = [len(line) for line in lines if len(line) > limit]
    ordinary = sum(0 < len(line) <= limit for line in lines)
    return 2 * sum(long) > len(text) and (ordinary < ORDINARY_LINES or sum(long) > MAX_EMBEDDED)
