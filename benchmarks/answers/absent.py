"""Questions about what a repository does not contain: answered, or refused as they should be."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.answers.questions import Absent, read_absent
from benchmarks.answers.reference import Repository
from benchmarks.answers.report import Table
from benchmarks.answers.systems import Ask
from ml.evaluation.bootstrap import interval


@dataclass(frozen=True, slots=True)
class AbsentAnswer:
    """A system's verdict on a question about something absent."""

    system: str
    question: Absent
    answered: bool
    answer: str


def ask_absent(repo: str, repository: Repository, systems: Mapping[str, Ask]) -> list[AbsentAnswer]:
    """Put a repository's questions about absent things to each system."""
    asked = [question for question in read_absent(repo) if _is_absent(question, repository)]
    replies = ((name, question, ask(question.text)) for question in asked for name, ask in systems.items())
    return [AbsentAnswer(name, question, reply.found, reply.answer) for name, question, reply in replies]


def table_of_absent(answers: Sequence[AbsentAnswer]) -> Table:
    """Return which share was answered, with its 95 % interval and examples."""
    rows = []
    for system in dict.fromkeys(answer.system for answer in answers):
        for near, title in ((True, "near misses"), (False, "others")):
            group = [each for each in answers if each.system == system and each.question.near == near]
            wrong = [each.question.text for each in group if each.answered]
            if group:
                rows.append((f"{system}, {title}", str(len(group)), _share(group), "; ".join(wrong[:3])))
    return Table("absent things", ("", "questions", "answered", "for example"), tuple(rows))


def _share(answers: Sequence[AbsentAnswer]) -> str:
    values = [float(answer.answered) for answer in answers]
    low, high = interval(values)
    return f"{fmean(values):.0%} ({low:.0%}–{high:.0%})"


def _is_absent(question: Absent, repository: Repository) -> bool:
    """Return whether none of the names stands in the repository; say so if one does."""
    there = [name for name in question.names if repository.contains(name)]
    if there:
        print(f"not asked of {question.repo}, because {', '.join(there)} is there: {question.text}", file=sys.stderr)
    return not there
