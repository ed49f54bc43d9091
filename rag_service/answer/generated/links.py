"""Remove links and images from untrusted Markdown, so that an answer can't lead a reader elsewhere.

A link's text is kept, its target is removed. A reduction can create a new link from nested or spliced text, so
it is repeated until nothing changes; then anything that could still open a link, an image or an HTML tag gets a space
that disables it in every Markdown reader. This module does not handle code spans and code blocks.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ml.patterns import linear

if TYPE_CHECKING:
    import re

ROUNDS = 20
GONE = "…"  # replaces a bare URL
LONGEST_TARGET = 2_000

# The elements of HTML, SVG and MathML, which load, link or run something or change the page's look.
ELEMENTS = (
    "a|abbr|acronym|address|animate\\w{0,20}|applet|area|article|aside|audio|b|base|basefont|bdi|bdo|bgsound|big|blink|"
    "blockquote|body|br|button|canvas|caption|center|circle|cite|code|col|colgroup|data|datalist|dd|del|details|dfn|"
    "dialog|dir|div|dl|dt|em|embed|feimage|fieldset|figcaption|figure|font|footer|foreignobject|form|frame|frameset|"
    "g|h[1-6]|head|header|hgroup|hr|html|i|iframe|image|img|input|ins|isindex|kbd|keygen|label|layer|legend|li|link|"
    "listing|main|map|mark|marquee|math|menu|meta|meter|nav|nobr|noembed|noframes|noscript|object|ol|optgroup|option|"
    "output|p|param|path|picture|plaintext|portal|pre|progress|q|rb|rp|rt|rtc|ruby|samp|script|search|section|select|"
    "set|slot|small|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|"
    "thead|time|title|tr|track|tt|u|ul|use|var|video|wbr|xml|xmp"
)
INLINE = linear(r"!?\[([^\[\]\n]*)\]\((?:[^()<>\n]|<[^<>\n]*>|\([^()\n]*\))*\)")
REFERENCE = linear(r"!?\[([^\[\]\n]*[^\[\]\n\d \t][^\[\]\n]*)\]\[([^\[\]\n]*)\]")
TAG = linear(rf"(?i)</?(?:{ELEMENTS})(?:[\s/][^<>]*)?>|<!--[^<>]*-->")
AUTOLINK = linear(r"<((?:[A-Za-z][\w+.-]{0,31}:|[\w.+-]+@)[^\s<>]*)>")
ADDRESS = linear(
    r"(?i)(?:[a-z][a-z0-9+.-]{1,31}:(?://|\\\\|&#|%2f)|\bwww\.|\b(?:javascript|vbscript|mailto|tel):\S|\bdata:[a-z]+[/;,])"
    r"[^\s<>\"`]*"
)
# What can remain of them after all reductions.
OPENED_TAG = linear(rf"(?i)<(?:[/!?]?(?:{ELEMENTS})\b|[!?]|/?[a-z][\w:.-]*[\s/][^<>]*=|[a-z][\w+.-]*:|[\w.+-]+@)")
OPENED_IMAGE = linear(r"!\[(\D|$)")
DEFINITION = linear(r"(?m)\]:[ \t]*(?:$|<|\S+[ \t]*(?:$|[\"'(]))")

IsCited = Callable[[str], bool]


def strip_links(text: str, is_cited: IsCited) -> str:
    """Return Markdown without links, images and HTML tags; a bare URL is kept if `is_cited` accepts it."""
    before = ""
    for _ in range(ROUNDS):
        if before == text:
            break
        before, text = text, _reduce(text, is_cited)
    return _defuse(text)


def _reduce(text: str, is_cited: IsCited) -> str:
    text = REFERENCE.sub(_reference_text, INLINE.sub(_text, TAG.sub("", text)))
    return ADDRESS.sub(lambda found: _address(found.group(), is_cited), AUTOLINK.sub(r"\1", text))


def _text(link: "re.Match[str]") -> str:
    text = link.group(1)
    return f"[{text}]" if text.strip().isdecimal() else text


def _reference_text(reference: "re.Match[str]") -> str:
    text, label = reference.groups()
    return f"{text} [{label}]" if label.isdecimal() else str(text)  # numbers are citations


def _address(found: str, is_cited: IsCited) -> str:
    address = found.rstrip(".,;:!?)]}'*_~")
    if len(address) <= LONGEST_TARGET and is_cited(address):
        return found
    return GONE + found[len(address) :]


def _defuse(text: str) -> str:
    """Return the text with everything defused that opens a link, an image, a definition or a tag."""
    text = OPENED_IMAGE.sub(r"! [\1", OPENED_TAG.sub(lambda tag: "< " + tag.group()[1:], text))
    return DEFINITION.sub(lambda definition: "] :" + definition.group()[2:], text.replace("](", "] ("))
