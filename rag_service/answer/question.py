"""What an answer has to know of a question: that it can be asked, its language, and what it is after."""

import re
from enum import Flag, auto
from typing import Literal

from ml.errors import QuestionError

Language = Literal["en", "ru"]

CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
LATIN = re.compile(r"[a-z]", re.IGNORECASE)


class Intent(Flag):
    """What a question is after. One can be after several things ("where is it set and why …")."""

    WHAT = auto()
    WHERE = auto()
    HOW = auto()
    WHY = auto()
    CALLERS = auto()


SIGNS = {
    Intent.CALLERS: re.compile(
        r"\b(who|what|which \w+) (calls?|uses?|invokes?)\b|\bcallers? of\b|\bwhere\b.*\b(used|called|invoked)\b|\busages?\b"
        r"|\b(кто|что|где)\b.*\b(вызыва|использу|применя)",
        re.IGNORECASE,
    ),
    Intent.WHERE: re.compile(
        r"\bwhere\b|\b(in )?(which|what) (file|module|place|line)\b|\bгде\b|\b(в )?как(ом|ой) (файл|модул|мест)",
        re.IGNORECASE,
    ),
    Intent.WHY: re.compile(r"\bwhy\b|\breason\b|\bпочему\b|\bзачем\b|\bпричин", re.IGNORECASE),
    Intent.HOW: re.compile(r"\bhow\b|\bкак\b|\bкаким образом\b", re.IGNORECASE),
}


def checked(question: str, longest: int) -> str:
    """Gives the question on one line, control characters left out.

    Raises QuestionError for one that is empty, longer than `longest` characters, or holds no word.
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
        raise QuestionError("the question holds no word", 'ask something, for example "where is the retry policy set?"')
    return line


def language_of(question: str) -> Language:
    """Gives the language to answer in: Russian for a question with Russian letters, else English."""
    return "ru" if CYRILLIC.search(question) else "en"


def intent_of(question: str) -> Intent:
    """Gives what the question is after, WHAT where nothing says otherwise."""
    found = Intent(0)
    for intent, sign in SIGNS.items():
        if sign.search(question):
            found |= intent
    return found or Intent.WHAT
