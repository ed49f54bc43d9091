"""Extract facts from a symbol's lines: what it raises or returns and when, what it calls and for what.

Only one-line statements are read, so that each fact can be quoted verbatim in one sentence. The extraction relies on
indentation and brackets, and so works for every language that has if, for, return and raise or throw.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ml.index import tokens
from ml.index.chunk import Chunk
from ml.index.outline import Outline
from ml.patterns import bounded, whole_word

LONGEST = 72
MOST_CALLS = 3
FEWEST_LETTERS, FEWEST_PARTS = 3, 2
LONGEST_ASKED = 32
# No line with a quotable fact is longer.
LONGEST_LINE = 500
TRAILING_COMMENT = bounded(r"\s+(?:#|//)\s.*$")
COMMENT = re.compile(r"\s*(?:#|//|/?\*|--\s)")
RAISE = re.compile(r"(?:raise|throw)\s+(?:new\s+)?(?P<error>[A-Z][\w.]*)")
RETURN = re.compile(r"return\s+(?P<value>[^;]+?);?$")
IF = bounded(r"(?:\}\s*+)?(?:el(?:se\s++)?)?if\b\s*+(?P<condition>.+?)\s*(?::|\{|then)$", longest=LONGEST_LINE)
INLINE_IF = bounded(
    r"if\s*+(?P<condition>\(.+\))\s*+\{?\s*+(?P<then>(?:return|throw)\b[^{}]*?;?)\s*\}?$", longest=LONGEST_LINE
)
FOR = bounded(
    r"(?:async\s++)?for\s*+\(?\s*+(?:const\s++|let\s++|var\s++)?(?P<item>[\w$]++)\s++(?:in|of)\s++"
    r"(?P<items>.+?)\)?\s*[:{]$",
    longest=LONGEST_LINE,
)
CALL = bounded(
    r"(?<![\w$@])(?P<name>[A-Za-z_$][\w$.]*)\s*\((?P<arguments>[^()]*(?:\([^()]*\)[^()]*)*)\)", longest=LONGEST_LINE
)
CALLED = bounded(r"(?<![\w$@])([A-Za-z_$][\w$.]*)\s*\(", longest=LONGEST_LINE)
STATEMENT = bounded(
    r"(?:(?:return|yield|await|var|let|const|val|final)\s+)*(?:[\w$.,\s:\[\]\"']+?\s*(?::?=)\s*)?(?:await\s+)?",
    longest=LONGEST_LINE,
)
QUOTED = bounded(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
ONE_LINE_COMMENT = bounded(r"\s*+(?:#|//)++\s?")
LONGEST_REASON = 1_000
NO_REASON = bounded(
    r"(?i)todo|fixme|noqa|type:|pragma|eslint|pylint|mypy|http|[`{}=\[\]]|\w\(|\w_\w", longest=LONGEST_REASON
)
FEWEST_WORDS, MOST_WORDS = 6, 40
OPENING = re.compile(r"\s*(?:async\s+)?(?:def|class|fn|func|function|if|elif|for|while|with|switch|match|catch)\b")
ERROR = re.compile(r"\w*(?:Error|Exception|Warning)|cls|func|fn|callback|cb")
NOTHING_SAID = frozenset(("", "self", "this", "None", "null", "nil", "undefined"))
# Calls common to all programs, which say nothing about this one.
COMMON = frozenset(
    "len str int float bool list dict set tuple type print super repr isinstance issubclass getattr setattr hasattr iter "
    "range enumerate zip map filter any all min max sum sorted reversed next cast id format join append extend add get "
    "items keys values pop update split strip lower upper replace startswith endswith push slice has log make new copy "
    "insert remove encode decode exists hash callable vars abs round open read write close String Number Object Error "
    "require assert if for while switch return catch typeof sizeof TypeVar field Field Some Ok Err unwrap clone into to_string "
    "warn warning debug info error exception partial frozenset index count find match search sub group".split()
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact stated by a symbol's lines; `kind` names a template, `values` fill it, and `lines` are numbers in the file."""

    kind: str
    values: Mapping[str, str]
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of code: its number in the file, its indentation and its text without a trailing comment."""

    number: int
    indent: int
    text: str


def facts_of(chunk: Chunk, about: Outline) -> Iterator[Fact]:
    """Yield the facts in the body of the symbol at the start of a chunk, in line order."""
    lines = code_lines(chunk, about.body_start)
    for at, line in enumerate(lines):
        yield from _guarded(lines, at, line)
        yield from _looped(lines, at, line)
    yield from _called(lines)


def reasons_of(chunk: Chunk, about: Outline) -> Iterator[Fact]:
    """Yield the comments directly above a condition: the author's own reasons."""
    lines = chunk.text.split("\n")
    for at, text in enumerate(lines):
        found = IF.match(TRAILING_COMMENT.sub("", text.strip()))
        start = at
        while start and ONE_LINE_COMMENT.match(lines[start - 1]):
            start -= 1
        comment = " ".join(ONE_LINE_COMMENT.sub("", line).strip() for line in lines[start:at])
        if found and chunk.line_start + at >= about.body_start and _is_sentence(comment):
            condition = _unwrapped(found["condition"])
            if is_whole(condition):
                numbers = (chunk.line_start + start, chunk.line_start + at)
                yield Fact("why", {"condition": condition, "comment": comment.rstrip(".")}, numbers)


def _is_sentence(comment: str) -> bool:
    """Return whether a comment gives a reason, rather than a heading, a note to a tool or switched-off code."""
    fits = len(comment) <= LONGEST_REASON and FEWEST_WORDS <= len(comment.split()) <= MOST_WORDS
    return fits and not NO_REASON.search(comment)


def code_lines(chunk: Chunk, first: int) -> list[Line]:
    """Return the lines of code in a chunk, from line `first` on."""
    lines = []
    for number, text in enumerate(chunk.text.split("\n"), start=chunk.line_start):
        if number >= first and text.strip() and not COMMENT.match(text):
            bare = TRAILING_COMMENT.sub("", text.rstrip())
            lines.append(Line(number, len(bare) - len(bare.lstrip()), bare.strip()))
    return lines


def _guarded(lines: Sequence[Line], at: int, line: Line) -> Iterator[Fact]:
    """Yield what is raised, returned or called under a condition."""
    inline = INLINE_IF.match(line.text)
    guard = line if inline else _above(lines, at)
    found = inline or (IF.match(guard.text) if guard else None)
    condition = _unwrapped(found["condition"]) if found else ""
    if guard is None or not is_whole(condition):
        return
    statement = inline["then"] if inline else line.text
    numbers = tuple(dict.fromkeys((guard.number, line.number)))
    raised, returned = RAISE.match(statement), RETURN.match(statement)
    if raised:
        yield Fact("raises", {"error": raised["error"], "condition": condition}, numbers)
    elif returned and is_whole(returned["value"], LONGEST_ASKED) and returned["value"] not in NOTHING_SAID:
        yield Fact("returns", {"value": returned["value"].strip(), "condition": condition}, numbers)
    elif called := _call_of(statement):
        yield Fact("calls_when", {"callee": called, "condition": condition}, numbers)


def _looped(lines: Sequence[Line], at: int, line: Line) -> Iterator[Fact]:
    """Yield what is called for each element of something."""
    loop = FOR.match(line.text)
    if not loop or len(loop["item"]) < FEWEST_LETTERS or not is_whole(loop["items"]):
        return
    item = whole_word(loop["item"])
    for inner in lines[at + 1 :]:
        if inner.indent <= line.indent:
            return
        called = next(_calls(inner.text), "") if item.search(inner.text) else ""
        if called:
            values = {"item": loop["item"], "items": loop["items"], "callee": called}
            yield Fact("loop", values, (line.number, inner.number))
            return


def _called(lines: Sequence[Line]) -> Iterator[Fact]:
    """Yield the first distinctive calls of a body, and what it returns at its end."""
    calls: dict[str, int] = {}
    for line in lines:
        if not OPENING.match(line.text) or line.text.startswith(("if ", "for ", "with ", "elif ")):
            for name in _calls(line.text):
                calls.setdefault(name, line.number)
    first, last = list(calls)[:MOST_CALLS], list(calls)[MOST_CALLS:][-MOST_CALLS:]
    for kind, names in (("calls", first), ("ends", last)):
        if len(names) > 1:
            numbers = tuple(sorted({calls[name] for name in names}))
            yield Fact(kind, {"callees": ", ".join(f"`{name}`" for name in names[:-1]), "last": names[-1]}, numbers)
    if not first:
        return
    ending = RETURN.match(lines[-1].text)
    if ending and is_whole(ending["value"]) and not ending["value"].isidentifier() and first[0] not in ending["value"]:
        values = {"callee": first[0], "value": ending["value"]}
        yield Fact("calls_and_returns", values, tuple(sorted({calls[first[0]], lines[-1].number})))


def arguments_of(text: str, name: str) -> str:
    """Return the arguments with which a line calls a name, or "" if they span several lines."""
    for call in CALL.finditer(text):
        if call["name"].rpartition(".")[2] == name:
            return str(call["arguments"]).strip(" ,")
    return ""


def is_whole(text: str, longest: int = LONGEST) -> bool:
    """Return whether a piece of code can be quoted: short, on one line, its brackets and quotes closed."""
    bare = QUOTED.sub("", text)
    balanced = all(bare.count(one) == bare.count(other) for one, other in ("()", "[]", "{}"))
    return 0 < len(text) <= longest and balanced and "`" not in text and '"' not in bare and "'" not in bare


def _call_of(statement: str) -> str:
    """Return the name that a statement calls, or "" if it is not a mere call."""
    begun = STATEMENT.match(statement)
    call = CALL.match(statement[begun.end() :] if begun else statement)
    name = call["name"].rpartition(".")[2] if call else ""
    return name if is_telling(name) else ""


def _calls(text: str) -> Iterator[str]:
    for call in CALLED.finditer(QUOTED.sub('""', text)):
        name = call[1].rpartition(".")[2]
        if is_telling(name):
            yield name


def is_telling(name: str) -> bool:
    """Return whether a call of this name is informative: "parse_header" is, "strip" is not."""
    own = name not in COMMON and not name.isupper() and not ERROR.fullmatch(name)
    return own and len(tokens.parts_of(name)) >= FEWEST_PARTS


def _above(lines: Sequence[Line], at: int) -> Line | None:
    """Return the line that opens the block, if `at` is its first line: a later one says less about the condition."""
    outer = next((line for line in reversed(lines[:at]) if line.indent < lines[at].indent), None)
    return outer if outer and lines[at - 1].number == outer.number else None


def _unwrapped(condition: str) -> str:
    """Return a condition without its outer parentheses."""
    inner = condition[1:-1]
    if not condition.startswith("(") or not condition.endswith(")"):
        return condition
    depth = 0
    for letter in inner:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0:
            return condition
    return inner
