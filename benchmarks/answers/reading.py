"""Answers to be read by a person, and the marks that they got: read.md beside this file."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.answers.measures import Scored

READ = Path(__file__).parent / "read.md"
MARKS = {
    "explains": "a colleague would need nothing else",
    "in part": "says something of what was asked",
    "place only": "the right code, of which it explains nothing",
    "elsewhere": "other code than the question is about",
    "false": "says something that is not so",
    "refused": "says that there is nothing",
}
HEADER = "| | repository | question | mark | not borne: by hand, by the check | why |\n|--:|---|---|---|---|---|"
CELL = r"(?:[^|\\]|\\.)+"
ROW = re.compile(rf"^\| *\d+ \|{CELL}\|{CELL}\| (?P<mark>[^|]+?) \| (?P<hand>\d+), (?P<check>\d+) \|", re.MULTILINE)
QUOTED_LINES = 12


def readable(scored: Sequence[Scored], count: int) -> str:
    """Return some answers of the first system, of all repositories and kinds in turn, and a table to be filled in."""
    chosen = choose(scored, count)
    rows = (
        f"| {number} | {each.question.repo} | {_cell(each.question.text)} |  | , {len(each.unborne)} |  |"
        for number, each in enumerate(chosen, start=1)
    )
    marks = "\n".join(f"- {mark}: {meaning}" for mark, meaning in MARKS.items())
    answers = "\n\n".join(_answer(number, each) for number, each in enumerate(chosen, start=1))
    return "\n".join([answers, "", "# Marks", "", marks, "", HEADER, *rows])


def choose(scored: Sequence[Scored], count: int) -> list[Scored]:
    """Return so many answers of the first system: of each repository and kind the first, then the second, and so on."""
    groups: Counter[tuple[str, str]] = Counter()
    ranked = []
    for each in scored:
        if each.system == scored[0].system:
            group = each.question.repo, each.question.kind
            ranked.append((groups[group], each))
            groups[group] += 1
    ranked.sort(key=lambda pair: pair[0])
    return [each for _, each in ranked[:count]]


def summary(text: str) -> str:
    """Return in one line what the marks of a filled-in table amount to. Raise ValueError for an unknown mark."""
    rows = list(ROW.finditer(text))
    marks = Counter(row["mark"] for row in rows)
    if unknown := set(marks) - set(MARKS):
        raise ValueError(f"unknown marks: {', '.join(sorted(unknown))}; there are {', '.join(MARKS)}")
    counted = ", ".join(f"{marks[mark]} {mark}" for mark in MARKS)
    hand, check = (sum(int(row[column]) for row in rows) for column in ("hand", "check"))
    return f"{len(rows)} answers read: {counted}; statements not borne by their lines: {hand} by hand, {check} by the check"


def _answer(number: int, scored: Scored) -> str:
    question, reply = scored.question, scored.reply
    return "\n\n".join(
        [
            f"# {number}. {question.repo}: {question.text}",
            f"## Reference\n\n{question.reference}",
            f"## {scored.system}\n\n{reply.answer}",
            "## Cited\n",
            *_cited(scored),
            "## Not borne, by the check\n",
            *(f"- {each.text} – {', '.join(each.missing)}" for each in scored.unborne),
        ]
    )


def _cited(scored: Scored) -> Iterator[str]:
    for citation in scored.reply.citations:
        place, lines = citation.place, citation.quote.split("\n")
        more = [f"… {len(lines) - QUOTED_LINES} more"] if len(lines) > QUOTED_LINES else []
        head = f"[{citation.n}] {place.path}:{place.line_start}-{place.line_end}"
        yield "\n".join([head, *(f"    {line}" for line in [*lines[:QUOTED_LINES], *more])])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
