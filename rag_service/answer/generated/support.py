"""Accept only sentences of a small LLM that the cited lines support word by word.

A model below the trusted size states falsehoods fluently, so the rules are strict: dropping a true sentence costs less
than keeping a false one. A sentence is kept if all of this is true:

- it is one complete sentence about the symbol in question, with no link, list or second line;
- every content word in it occurs in the cited lines, as a word or as a part of a name; identifiers, numbers and
  anything in backticks occur there unchanged;
- what it says is returned occurs in a line that returns, what is raised in one that raises, what is taken in the
  signature, and what is called is followed by a parenthesis;
- it is not an echo: it says something that neither the question nor the text above it says.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ml.index.sparse import STOP_WORDS
from ml.patterns import bounded
from rag_service.retrieve.question import stems_of

NEW = 2
FEWEST_WORDS = 5
MOST_WORDS = 35
LONGEST_SENTENCE = 1_000
WORD = bounded(r"[A-Za-z_$][\w$]*|\d+|[^\W\d_A-Za-z]+", longest=100_000)
IDENTIFIER = bounded(r"\w_|_\w|[a-z\d][A-Z]|[A-Z]{2}|\d", longest=LONGEST_SENTENCE)
SPAN = re.compile(r"`([^`]+)`")
OTHER = re.compile(r"\]\(|://|^\s*[-*#>\d]|[{}\\]")
# Words that connect a sentence and claim nothing about the code.
GLUE = frozenset("function method class argument arguments parameter parameters value values each every other".split())
RELATION = bounded(
    r"\b(?:(?P<returns>returns?|returned|returning|yields?)|(?P<raises>raises?|raised|throws?|thrown)"
    r"|(?P<calls>calls?|called|calling|invokes?|using|uses?)|(?P<takes>takes?|accepts?|receives?)"
    r"|(?P<any>when|if|unless|while|until|after|before|with|by|from|for))\b",
    re.IGNORECASE,
    longest=LONGEST_SENTENCE,
)
RETURN_LINE = bounded(r"\breturn|\byield|->|=>")
RAISE_LINE = bounded(r"\braise|\bthrow|\bpanic|\berror", re.IGNORECASE)
CALLED = bounded(r"(?<![\w$.])[\w$.]++(?=\s*+\()", longest=100_000)
SENTENCE = bounded(r"\s*+(?P<sentence>\S[^\n]*?)\s*(?:\[\d+\])?[.!?](?=\s)", longest=LONGEST_SENTENCE)


@dataclass(frozen=True, slots=True)
class Cited:
    """The code that a sentence is checked against: the symbol's name, its header lines and its body lines."""

    name: str
    header: str
    body: str

    def lines(self, relation: str) -> str:
        """Return the lines that can support a claim of this relation ("" and "any": all)."""
        lines = f"{self.header}\n{self.body}".split("\n")
        match relation:
            case "returns":
                return "\n".join(line[found.start() :] for line in lines if (found := RETURN_LINE.search(line)))
            case "raises":
                return "\n".join(line for line in lines if RAISE_LINE.search(line))
            case "calls":
                return " ".join(CALLED.findall(self.body))
            case "takes":
                return self.header
        return f"{self.name}\n{self.header}\n{self.body}"


def first_sentence(text: str) -> str:
    """Return the first complete sentence of a model's output without its citation and full stop, or ""."""
    match = SENTENCE.match(text)
    return match["sentence"] if match else ""


def is_supported(sentence: str, cited: Cited, said: str, question: str) -> bool:
    """Return whether a sentence may be added to `said`, by the rules above."""
    words = WORD.findall(sentence) if len(sentence) <= LONGEST_SENTENCE else []
    if not FEWEST_WORDS <= len(words) <= MOST_WORDS or words[0] != cited.name or OTHER.search(sentence):
        return False
    if not all(_is_backed(clause, cited.lines(relation)) for relation, clause in _clauses(sentence)):
        return False
    return len(_content(sentence) - _content(said) - _content(question)) >= NEW


def _is_backed(clause: str, lines: str) -> bool:
    return set(_names(clause)) <= set(WORD.findall(lines)) and _content(clause) <= stems_of(lines)


def _names(sentence: str) -> Iterator[str]:
    yield from (word for word in WORD.findall(sentence) if IDENTIFIER.search(word))
    for span in SPAN.findall(sentence):
        yield from WORD.findall(span)


def _clauses(sentence: str) -> Iterator[tuple[str, str]]:
    """Cut a sentence at the verbs that claim a relation: (relation, what follows)."""
    at, relation = 0, ""
    for verb in RELATION.finditer(sentence):
        yield relation, sentence[at : verb.start()]
        at, relation = verb.end(), verb.lastgroup or ""
    yield relation, sentence[at:]


def _content(text: str) -> frozenset[str]:
    words = (word for word in WORD.findall(text) if word.lower() not in STOP_WORDS and word.lower() not in GLUE)
    return stems_of(" ".join(words))
