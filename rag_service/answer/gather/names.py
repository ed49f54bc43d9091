"""The names that a question asks about, and which of them are not in the index.

A name is a code span, an identifier (`add_route`, `addRoute`, `Router.add`, `add()`) or a proper noun (Kafka, SARIF).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ml.index.chunk import SEPARATOR, Chunk
from ml.index.store.base import Where
from ml.index.tokens import identifiers
from ml.patterns import bounded, linear
from rag_service.answer.code.symbols import components
from rag_service.retrieve import Retriever
from rag_service.retrieve.question import IDENTIFIER, normalize_name

SPAN = linear(r"`([^`\n]{1,120})`")
WORD = re.compile(r"[\w@#$][\w.:#@$\-+]*(?:\(\))?")
ABBREVIATION = re.compile(r"(?:\w\.)+\w?")  # "e.g", "i.e"
PROPER = bounded(r"[A-Z][\w+#]*[A-Za-z0-9]", longest=60)
BASES = bounded(r"(?:\(|:|<|\bextends\b|\bimplements\b)\s*(?P<bases>[\w$][^{=]*)", longest=1_000)
NAME = re.compile(r"(?<![\w.=$])[A-Z][\w.$]*+(?!\s*=)")
SENTENCE_END = frozenset(".!?:")
MOST_NAMES = 4
MENTIONS = 30
SHORTEST = 3
CLASSES = 3  # how far up the base classes of an owner are followed


@dataclass(frozen=True)
class AskedName:
    """A name as the question spells it. `is_code` is False for a proper noun, which may be a part of any word.

    `written` is the code span that it stands in, or the name itself.
    """

    text: str
    is_code: bool = True
    written: str = ""

    @cached_property
    def parts(self) -> list[str]:
        """The components of a qualified name, without parentheses."""
        return [part for part in SEPARATOR.split(self.text.removesuffix("()")) if part]

    @property
    def member(self) -> str:
        """The last component."""
        return self.parts[-1]

    @property
    def owner(self) -> str:
        """The component before it, "" if there is none."""
        return self.parts[-2] if len(self.parts) > 1 else ""

    def stands_in(self, chunk: Chunk) -> bool:
        """Return whether a chunk's text or path contains the name's last component, in any spelling."""
        text = f"{chunk.file_path}\n{chunk.text}"
        if not self.is_code:
            return self.text.lower() in text.lower()
        words = identifiers(self.member)
        wanted = normalize_name("".join(words))
        return wanted in _plain(text) if len(words) > 1 else wanted in map(normalize_name, identifiers(text))


@dataclass(frozen=True, slots=True)
class Missing:
    """A name that is not in the index; `elsewhere` is a definition of its last component under another owner."""

    name: AskedName
    elsewhere: Chunk | None = None


def asked_names(question: str) -> list[AskedName]:
    """Return the names in a question, in its order, at most MOST_NAMES."""
    spans = [AskedName(name, written=span[1]) for span in SPAN.finditer(question) for name in _names_in(span[1])]
    names = [*spans, *_words(SPAN.sub(" ` ", question))]
    unique = {name.text.lower(): name for name in reversed(names) if name.parts and len(name.member) >= SHORTEST}
    return list(reversed(unique.values()))[:MOST_NAMES]


def missing_names(names: Iterable[AskedName], retriever: Retriever, where: Where) -> list[Missing]:
    """Return the names that are not in the index: no definition, no mention, or not in the class that they are asked of."""
    return [missing for name in names if (missing := _missing(name, retriever, where))]


def is_about(missing: Sequence[Missing], names: Sequence[AskedName]) -> bool:
    """Return whether a question is about what is missing: all code that it names, or if it names none, a proper noun."""
    wanted = {name.written for name in names if name.is_code}
    return bool(missing) and wanted <= {each.name.written for each in missing}


def _missing(name: AskedName, retriever: Retriever, where: Where) -> Missing | None:
    defined = retriever.definitions([name.member], where=where) if name.is_code else []
    if defined and (not name.owner or _is_member(name, defined, retriever, where)):
        return None
    mentions = [
        chunk for chunk in retriever.mentions(name.member, where=where, limit=MENTIONS) if name.stands_in(chunk)
    ]
    if not mentions:
        return Missing(name)
    owners = retriever.definitions([name.owner], where=where) if name.owner else []
    if not owners or any(_is_beside(name, chunk) for chunk in mentions):
        return None
    return Missing(name, next(iter(defined), None))


def _is_member(name: AskedName, defined: Iterable[Chunk], retriever: Retriever, where: Where) -> bool:
    """Return whether a definition belongs to the owner asked of, or may: to a base class, or one that is not indexed."""
    owner = name.owner
    homes = {part for chunk in defined for part in _homes(chunk)}
    for _ in range(CLASSES):
        if normalize_name(owner) in homes:
            return True
        classes = [chunk for chunk in retriever.definitions([owner], where=where) if chunk.kind == "class"]
        if not classes:
            return True
        bases = bases_of(classes[0])
        if not bases:
            return False
        owner = bases[0]
    return True


def bases_of(chunk: Chunk) -> list[str]:
    """Return the names in parentheses, or after a colon or a keyword, on the line that opens a class."""
    for line in chunk.text.split("\n"):
        _, found, rest = line.partition(components(chunk.symbol)[-1])
        if found and (opened := BASES.search(rest)):
            return [last for base in NAME.findall(opened["bases"]) if (last := SEPARATOR.split(base)[-1]) != "object"]
        if found:
            return []
    return []


def _homes(chunk: Chunk) -> Iterator[str]:
    """Yield what may be called the owner of a definition: its classes, its file and the folder of its file."""
    *folders, file = chunk.file_path.split("/")
    yield from map(normalize_name, components(chunk.symbol)[:-1])
    yield from map(normalize_name, (file.partition(".")[0], *folders[-1:]))


def _is_beside(name: AskedName, chunk: Chunk) -> bool:
    """Return whether a chunk that mentions a member belongs to its owner, or mentions that and takes an attribute so called."""
    if normalize_name(name.owner) in map(normalize_name, components(chunk.symbol)):
        return True
    return f".{_plain(name.member)}" in _plain(chunk.text) and AskedName(name.owner).stands_in(chunk)


def _names_in(span: str) -> Iterator[str]:
    """Yield the names of a code span: the whole, or of an expression or a command each word."""
    span = span.strip()
    if WORD.fullmatch(span.lstrip("-")):
        yield span.lstrip("-")
    else:
        yield from (word for word in identifiers(span) if len(word) >= SHORTEST and not word.isdigit())


def _words(text: str) -> Iterator[AskedName]:
    """Yield the identifiers and the proper nouns among a question's words; the first word of a sentence is none."""
    before = "."
    for found in WORD.finditer(text):
        word = found.group().rstrip(".:-").removesuffix("'s")
        begins = not text[: found.start()].strip() or before[-1:] in SENTENCE_END
        before = text[found.start() : found.end()]
        if ABBREVIATION.fullmatch(word) or word.replace(".", "").isdigit():
            continue
        if IDENTIFIER.search(word):
            yield AskedName(word, written=word)
        elif not begins and PROPER.fullmatch(word):
            yield AskedName(word, is_code=False, written=word)


def _plain(text: str) -> str:
    return text.lower().replace("_", "").replace("-", "")
