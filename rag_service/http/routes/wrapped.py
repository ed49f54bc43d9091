"""Find the question in a message: within a front end's template, or beside a pasted log or code."""

import re
from collections.abc import Iterator

from ml.errors import QuestionError
from ml.patterns import linear

USER_QUERY = ("<user_query>", "</user_query>")
# Open WebUI puts what it found in a user's documents before the question, in a prompt that begins so.
TEMPLATE = linear(r"\A\s*### Task:\s*Respond to the user query using the provided context")
CONTEXT_END = "</context>"
MERGED = linear(
    r'(?s)\AYou have been provided with a set of responses from various models to the latest user query: "(.*)'
)
MERGED_END = '"\n\nYour task is to synthesize these responses'
FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
WORDS = (
    "where|what|which|who|why|how|when|explain|show|find|describe"
    "|где|что|какой|какая|какие|кто|почему|зачем|как|когда|объясни|покажи|найди|опиши"
)
# What is certainly a question, and what may be one if it does not look like a log.
QUESTION = linear(rf"(?i)\?\s*$|^\s*(?:{WORDS}|does|is|are|can)(?:$|[^\pL\pN_])")
MAYBE = linear(rf"(?i)(?:^|[^\pL\pN_])(?:{WORDS})(?:$|[^\pL\pN_])")
LOGGED = linear(r"\d:\d\d|\b(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL)\b|^\s*at |\bFile \"")
SPEAKS = linear(r"\pL{2,}\s+\pL{2,}")  # a line of a log may be one long word
SHORT = 6  # lines of a paragraph that is a question rather than the end of a log
NEAR = 20  # lines at either end of a message in which its question is looked for


def extract_question(text: str, longest: int) -> str:
    """Return the question in a message. Raise QuestionError if it is too long and has none at its beginning or end."""
    text = _unwrapped(text)
    if len(text) <= longest:
        return text
    beside = _outside_fences(text).strip()
    if beside and len(beside) <= longest:
        return beside
    found = [one for one in _candidates(beside or text, longest) if not LOGGED.search(one)]
    for sign in (QUESTION, MAYBE):
        if question := next(filter(sign.search, found), ""):
            return question
    raise QuestionError(
        f"the message has {len(text):,} characters, more than {longest:,}, and neither its beginning nor its end is a question",
        "put the question into its first or last line, and pasted text between lines of ```",
    )


def documents_in(text: str) -> bool:
    """Return whether a front end has put documents of its own before the question."""
    return bool(TEMPLATE.search(text[:1_000])) and CONTEXT_END in text


def _unwrapped(text: str) -> str:
    """Return the part of a message that the user wrote."""
    marked, closing, _ = text.partition(USER_QUERY[0])[2].partition(USER_QUERY[1])
    if closing:
        return marked.strip()
    if documents_in(text):
        return text.rpartition(CONTEXT_END)[2].strip() or text
    if merged := MERGED.search(text):
        return merged[1].partition(MERGED_END)[0]
    return text


def _candidates(text: str, longest: int) -> Iterator[str]:
    """Yield what may be the question: the last and the first paragraph, then single lines near the ends, last first."""
    head, tail = text[: longest + 1].strip(), text[-longest - 1 :].strip()
    ends = (tail.rpartition("\n\n")[2], head.partition("\n\n")[0])
    paragraphs = [end for end in ends if end.count("\n") < SHORT]
    lines = [*reversed(tail.splitlines()[-NEAR:]), *head.splitlines()[:NEAR]]
    for found in (*paragraphs, *lines):
        if 0 < len(found.strip()) < longest and SPEAKS.search(found):
            yield found.strip()


def _outside_fences(text: str) -> str:
    """Return the lines of a text outside fenced blocks."""
    kept, fence = [], ""
    for line in text.split("\n"):
        found = FENCE.match(line)
        if not fence and found:
            fence = found[1]
        elif not fence:
            kept.append(line)
        elif found and found[1].startswith(fence) and not line[found.end() :].strip():
            fence = ""
    return "\n".join(kept)
