"""Drafts by template, from a symbol's lines, documentation, callers and settings."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from ml.dataset.corpus import Corpus, Symbol
from ml.dataset.facts import LONGEST_LINE, Fact, arguments_of, code_lines, facts_of, is_whole, reasons_of
from ml.dataset.wording.draft import Draft, Language
from ml.dataset.wording.templates import templates
from ml.dataset.wording.verbs import third_person, words_of_action
from ml.index import tokens
from ml.index.chunk import Chunk
from ml.patterns import bounded

MOST_CALLERS = 2
FEWEST_PARTS = 2
SETTING = bounded(
    r"(?P<constant>[A-Z][A-Z\d]*_[A-Z\d_]{2,})\s*(?::\s*[\w\[\], |.]+)?=\s*(?P<value>[^=].*?);?$", longest=LONGEST_LINE
)
CALLED = re.compile(r"(?<![\w$])([A-Za-z_$][\w$]*+)\s*+\(")
# Facts about how something works answer a question that only describes it.
WORKINGS = ("calls", "calls_and_returns", "loop", "raises", "calls_when", "returns")


def drafts_of(corpus: Corpus, seed: int) -> Iterator[Draft]:
    """Yield every draft that the templates produce for the corpus."""
    for symbol in corpus.askable():
        facts = _own(facts_of(symbol.chunk, symbol.about), symbol)
        values = {"symbol": _spoken(symbol, corpus), "name": symbol.name, "repo": symbol.chunk.repo}
        for fact in facts.values():
            yield from _filled(fact.kind, {**values, **fact.values}, symbol.chunk, fact.lines, seed)
        yield from _described(symbol, values, facts, seed)
        for reason in reasons_of(symbol.chunk, symbol.about):
            yield from _filled("why", {**values, **reason.values}, symbol.chunk, reason.lines, seed)
    yield from _callers(corpus, seed)
    for chunk in corpus.others:
        yield from _settings(chunk, corpus, seed)


def working_of(
    facts: Mapping[str, Fact], values: Mapping[str, str], language: Language = "en"
) -> tuple[str, Fact] | None:
    """Return the most informative sentence about how a symbol works, and the fact behind it."""
    fact = next((facts[kind] for kind in WORKINGS if kind in facts), None)
    return (templates()[fact.kind].sentence(language, {**values, **fact.values}), fact) if fact else None


def facts_by_kind(symbol: Symbol) -> dict[str, Fact]:
    """Return the first fact of each kind about a symbol, except those about recursive calls."""
    return _own(facts_of(symbol.chunk, symbol.about), symbol)


def _own(facts: Iterator[Fact], symbol: Symbol) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    for fact in facts:
        if symbol.name not in fact.values.values() and f"`{symbol.name}`" not in fact.values.get("callees", ""):
            found.setdefault(fact.kind, fact)
    return found


def _spoken(symbol: Symbol, corpus: Corpus) -> str:
    """Return a symbol as people name it: by its last part, if that is unique."""
    chunk = symbol.chunk
    unique = corpus.is_unique(chunk.repo, symbol.name) and len(tokens.parts_of(symbol.name)) >= FEWEST_PARTS
    return symbol.name if unique else chunk.symbol


def _filled(
    origin: str,
    values: Mapping[str, str],
    chunk: Chunk,
    lines: tuple[int, ...],
    seed: int,
    *,
    asks_about_it: bool = True,
) -> Iterator[Draft]:
    template = templates()[origin]
    for language in template.languages:
        sentence = template.sentence(language, values)
        for question in template.asked(language, values, seed):
            yield Draft(origin, language, question, sentence, chunk, (min(lines), max(lines)), asks_about_it)


def _described(symbol: Symbol, values: Mapping[str, str], facts: Mapping[str, Fact], seed: int) -> Iterator[Draft]:
    """Yield questions that do not name the symbol: by its documentation, or by the words of its name."""
    chunk, about = symbol.chunk, symbol.about
    does = third_person(about.docstring)
    if does:
        lines = (chunk.line_start, max(chunk.line_start, min(about.body_start - 1, chunk.line_end)))
        yield from _filled("docstring", {**values, "does": does, "kind": chunk.kind}, chunk, lines, seed)
    action, working = words_of_action(symbol.name), working_of(facts, values)
    if action and working:
        (question,) = templates()["name"].asked("en", {**values, "words": action}, seed)
        first, last = min(working[1].lines), max(working[1].lines)
        yield Draft("name", "en", question, working[0], chunk, (first, last))


def _callers(corpus: Corpus, seed: int) -> Iterator[Draft]:
    """Yield the callers of a symbol of a unique name, if they are few and pass their arguments on one line."""
    called: defaultdict[tuple[str, str], list[tuple[Symbol, int, str]]] = defaultdict(list)
    counted: Counter[tuple[str, str]] = Counter()
    for symbol in corpus.symbols:
        chunk = symbol.chunk
        for line in code_lines(chunk, symbol.about.body_start):
            for name in dict.fromkeys(CALLED.findall(line.text)):
                key = (chunk.repo, name)
                if name != symbol.name and corpus.is_unique(*key) and len(tokens.parts_of(name)) >= FEWEST_PARTS:
                    counted[key] += 1
                    called[key].append((symbol, line.number, arguments_of(line.text, name)))
    for (_, callee), places in called.items():
        if len(places) <= MOST_CALLERS:
            for symbol, number, arguments in places:
                if is_whole(arguments):
                    values = {"name": symbol.name, "callee": callee, "arguments": arguments}
                    yield from _filled("callers", values, symbol.chunk, (number,), seed, asks_about_it=False)


def _settings(chunk: Chunk, corpus: Corpus, seed: int) -> Iterator[Draft]:
    """Yield what constants of a module or class are set to."""
    for line in code_lines(chunk, chunk.line_start) if chunk.kind in {"module", "class"} else ():
        found = SETTING.match(line.text)
        if found and is_whole(found["value"]) and len(found["value"]) > 1:
            values = {"constant": found["constant"], "value": found["value"]}
            yield from _filled("setting", values, chunk, (line.number,), seed, asks_about_it=False)
