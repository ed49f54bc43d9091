"""Check a question, and detect its language and intent."""

import re
from dataclasses import dataclass
from enum import Flag, auto
from typing import Literal

from ml.errors import QuestionError
from ml.index.store.base import Where
from ml.patterns import linear

Language = Literal["en", "ru"]

CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
# Word boundaries in any alphabet: RE2's \b is ASCII-only.
START, END = r"(?:^|[^\pL\pN_])", r"(?:$|[^\pL\pN_])"


class Intent(Flag):
    """What a question asks for. It can have several intents ("where is it set and why …")."""

    WHAT = auto()
    WHERE = auto()
    HOW = auto()
    WHY = auto()
    CALLERS = auto()


SIGNS = {
    Intent.CALLERS: linear(
        r"(?i)\b(?:who|what|which \w+) (?:calls?|uses?|invokes?)\b|\bcallers? of\b"
        r"|\bwhere\b.*\b(?:used|called|invoked)\b|\busages?\b"
        rf"|{START}(?:кто|что|где)[^\pL\pN_](?:.*[^\pL\pN_])?(?:вызыва|использу|применя)"
    ),
    Intent.WHERE: linear(
        r"(?i)\bwhere\b|\b(?:which|what) (?:file|module|place|line)\b"
        rf"|{START}где{END}|{START}как(?:ом|ой) (?:файл|модул|мест)"
    ),
    Intent.WHY: linear(rf"(?i)\bwhy\b|\breason\b|{START}(?:почему|зачем){END}|{START}причин"),
    Intent.HOW: linear(rf"(?i)\bhow\b|{START}(?:как|каким образом){END}"),
}


def check_question(question: str, longest: int) -> str:
    """Return the question on one line, without control characters.

    Raise QuestionError if it is empty, longer than `longest` characters, or contains no word.
    """
    if len(question) > longest:
        raise QuestionError(
            f"the question has {len(question):,} characters, more than {longest:,}",
            "ask about one thing at a time, or raise max_question_chars",
        )
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in question).split())
    if not line:
        raise QuestionError("the question is empty", 'ask something, for example "where is the retry policy set?"')
    if not any(letter.isalnum() for letter in line):
        raise QuestionError(
            "the question contains no word", 'ask something, for example "where is the retry policy set?"'
        )
    return line


def language_of(question: str) -> Language:
    """Return the language to answer in: Russian for a question with Russian letters, else English."""
    return "ru" if CYRILLIC.search(question) else "en"


def intent_of(question: str) -> Intent:
    """Return what the question asks for; WHAT is the default."""
    found = Intent(0)
    for intent, sign in SIGNS.items():
        if sign.search(question):
            found |= intent
    return found or Intent.WHAT


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and its properties that composing needs."""

    text: str
    where: Where
    intent: Intent
    language: Language

    @classmethod
    def of(cls, question: str, where: Where, language: Language | None = None) -> "Asked":
        """Parse a question, to be answered in its own language or in the given one."""
        return cls(question, where, intent_of(question), language or language_of(question))
