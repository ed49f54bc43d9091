"""Text from models and repositories as HTML: escaped, with invisible characters marked."""

import re
from html import escape

from ml.visible import visible

CODE = re.compile(r"`([^`]++)`")
MARK = '<span class="hidden-character" title="an invisible or control character">{}</span>'


def html(text: str) -> str:
    """Return a text as the content of an element."""
    return visible(escape(text), lambda shown: MARK.format(escape(shown)))


def attribute(text: str) -> str:
    """Return a text as the value of an attribute, or as the content of a text-only element."""
    return escape(visible(text))


def prose(text: str) -> str:
    """Return a text as the content of an element, with text in backticks as code."""
    return CODE.sub(r"<code>\1</code>", html(text))
