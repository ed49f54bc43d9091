"""Drafts from the running service: questions whose answers readers rated up."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from ml.dataset.corpus import Symbol
from ml.dataset.wording.draft import Draft, Language
from ml.dataset.wording.questions import facts_by_kind, working_of
from ml.index.chunk import Chunk, last_name
from ml.index.outline import outline
from ml.index.store.base import Store
from ml.records import Records

COMPOSED = "evidence"  # prefix of the record's `model` if no LLM wrote the answer
PLACE = re.compile(r"(?P<repo>.+?):(?P<path>[^:]+):(?P<start>\d+)-(?P<end>\d+)")
CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
MARK = re.compile(r"(?<!\s)\s*+\[\d[^\[\]]*+\]")
SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")


def language_of(text: str) -> Language:
    """Return the language of a question."""
    return "ru" if CYRILLIC.search(text) else "en"


def read_rated(records: Records, store: Store, repos: frozenset[str], dropped: Counter[str]) -> Iterator[Draft]:
    """Yield one or more alternative drafts for each answer that was rated up and never down.

    Unusable answers are counted in `dropped`. Raise RecordError if the records can't be read.
    """
    verdicts: defaultdict[str, set[str]] = defaultdict(set)
    for line in records.feedback():
        verdicts[str(line.get("id"))].add(str(line.get("verdict")))
    asked: dict[str, Mapping[str, Any]] = {}
    by_question: defaultdict[str, set[str]] = defaultdict(set)
    for line in records.answers(ids=verdicts):
        asked[line["question"]] = line
        by_question[line["question"]] |= verdicts[str(line["id"])]
    for question, line in asked.items():
        if "down" in by_question[question]:
            dropped["rated down"] += 1
            continue
        drafts = list(_drafts(line, store, repos)) if line.get("found") and line.get("complete") else []
        dropped["rated answer whose lines are gone"] += not drafts
        yield from drafts


def _drafts(line: Mapping[str, Any], store: Store, repos: frozenset[str]) -> Iterator[Draft]:
    question, answer = line["question"], str(line.get("answer", ""))
    places = [place for text in line.get("citations") or () if (place := PLACE.fullmatch(str(text)))]
    for place in places:
        start, end = int(place["start"]), int(place["end"])
        chunk = chunk_at(store, place["path"], start, end, place["repo"]) if place["repo"] in repos else None
        if chunk is None:
            continue
        lines = (max(start, chunk.line_start), min(end, chunk.line_end))
        by_llm = not str(line.get("model", COMPOSED)).startswith(COMPOSED)
        for sentence in _sentences(question, answer, chunk, by_llm=by_llm):
            yield Draft("feedback", language_of(question), question, sentence, chunk, lines)
        return


def chunk_at(store: Store, file_path: str, start: int, end: int, repo: str) -> Chunk | None:
    """Return the chunk in which a range of lines begins, or None if the index has no such lines."""
    if not 0 < start <= end:
        return None
    chunks = store.chunks(repo, file_path)
    found = next((chunk for chunk in chunks if chunk.line_start <= start <= chunk.line_end), None)
    return found if found and end <= max(chunk.line_end for chunk in chunks) else None


def _sentences(question: str, answer: str, chunk: Chunk, *, by_llm: bool) -> Iterator[str]:
    """Yield candidate answers, best first: the LLM's sentences, the code's facts, the answer's beginning."""
    name, spoken = last_name(chunk.symbol), [MARK.sub("", part).rstrip(" .") for part in SENTENCES.split(answer)]
    added = f": `{name}` "
    yield from (part[part.index(added) + 2 :] for part in spoken if name and added in part)
    if by_llm:
        yield from filter(None, spoken[:1])
    facts = facts_by_kind(Symbol(chunk, outline(chunk))) if name else {}
    working = working_of(facts, {"name": name}, language_of(question))
    if working:
        yield working[0]
    yield from filter(None, spoken[:1])
