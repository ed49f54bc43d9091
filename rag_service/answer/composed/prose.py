"""Pieces of Markdown generated from code: inline code, locations, the sentences of a docstring."""

import re
from collections.abc import Callable, Iterator

from ml.index.chunk import Chunk
from ml.patterns import bounded, linear
from rag_service.answer.generated.links import strip_links
from rag_service.answer.generated.segments import map_outside_code

LONGEST_SENTENCE = 280
FENCED = re.compile(r"^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
COMMENT_BEHIND = bounded(r"(?<=[:{)]) (?:#|//) .*$")
HEADING = bounded(r"#{1,6}\s+.*(?:\n|$)|(?m:^).*+\n[=~^-]{3,}+\s*(?:\n|$)", longest=200_000)
ATTRIBUTES = bounded(r"\s*\{\s*[#.:][^}]*\}", longest=1_000)
ROLE = linear(r":[a-z:]+:`([^`\n]+)`")
NUMBERED = re.compile(r"[\[【][ \t]*(\d[^\[\]【】]*+)[\]】]")
END = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[\"'(`A-ZА-ЯЁ])")
# Starts of parameter lists, examples, headings, tables and directives, which say nothing about the whole.
NO_PROSE = linear(
    r"(?i)(?:args|arguments|param(?:eter)?s?|returns?|raises?|yields?|examples?|usage|notes?|see also|attributes)"
    r"\b[^.]{0,40}:?\s*$"
    r"|(?:args|arguments|params|parameters|returns|raises|yields|examples|attributes):[ \t]*\n"
    r"|[:@][\pL\pN_]+|>>>|\.\.\s|#{1,6}\s|[-=~*_|]{2,}|[-*+]\s|\||\$\s|<[\pL\pN_]"
)
BACKTICKS = re.compile(r"`+")
BLANK_BEFORE_END, BLANK_AFTER_START = re.compile(r",? ([)\]])"), re.compile(r"([(\[]) ")
BETWEEN_PARAGRAPHS = re.compile(r"\n\s*\n")
ITEM = re.compile(r"^[ \t]*+(?:[-*+]|\d++[.)])[ \t]+", re.MULTILINE)


def inline_code(text: str) -> str:
    """Return a text on one line as a Markdown code span, whatever backticks it contains."""
    line = " ".join(text.split())
    if "`" not in line:
        return f"`{line}`"
    longest = max(len(run) for run in BACKTICKS.findall(line))
    return f"{'`' * (longest + 1)} {line} {'`' * (longest + 1)}"


def place(chunk: Chunk, start: int | None = None, end: int | None = None) -> str:
    """Return `path:start-end` (the whole chunk), `path:start` for one line, as a code span."""
    first, last = (chunk.line_start, chunk.line_end) if start is None else (start, end or start)
    lines = f"{first}" if first == last else f"{first}-{last}"
    return inline_code(f"{chunk.file_path}:{lines}")


def shorten(text: str, longest: int) -> str:
    """Truncate a text at the end of a word, and append an ellipsis."""
    if len(text) <= longest:
        return text
    return text[: longest - 1].rsplit(" ", 1)[0].rstrip(" ,;:(") + " …"


def plain(text: str) -> str:
    """Return documentation as one line of prose whose brackets can't be mistaken for citations."""
    text = map_outside_code(ROLE.sub(r"`\1`", text), lambda part: strip_links(part, lambda address: True))
    line = NUMBERED.sub(r"(\1)", " ".join(text.split()))
    return line.replace("`", "") if line.count("`") % 2 or "```" in line else line


def signature(text: str) -> str:
    """Return a signature on one line, without spaces inside its parentheses or a trailing comment."""
    line = COMMENT_BEHIND.sub("", " ".join(text.split()))
    return BLANK_BEFORE_END.sub(r"\1", BLANK_AFTER_START.sub(r"\1", line)).rstrip(" :{")


def sentences(documentation: str) -> Iterator[str]:
    """Yield the prose sentences of a docstring or section, without parameters and examples."""
    for paragraph in BETWEEN_PARAGRAPHS.split(FENCED.sub("\n\n", documentation)):
        if not NO_PROSE.match(paragraph.strip()):
            yield from filter(None, map(plain, END.split(paragraph.strip())))


def title(symbol: str) -> str:
    """Return a section's headings without their markup, as in “Tutorial › First steps”."""
    return "“" + plain(ATTRIBUTES.sub("", symbol)).replace("`", "") + "”"


def section_text(text: str) -> str:
    """Return the text below a section's heading, with list items as separate paragraphs."""
    return ITEM.sub("\n", HEADING.sub("", text, count=1))


def best_sentences(documentation: str, score: Callable[[str], float], limit: int = 2) -> list[str]:
    """Return the first sentence and those with the best `score`, in text order, without full stops."""
    found = list(sentences(documentation))
    further = sorted(found[1:], key=lambda sentence: -score(sentence))[: limit - 1]
    chosen = found[:1] + [sentence for sentence in found[1:] if sentence in further and score(sentence) > 0]
    return [shorten(sentence.rstrip(" .:"), LONGEST_SENTENCE) for sentence in chosen]
