"""The cases of a report as cards, the worst first."""

from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

from ml.evaluation.page.text import attribute, html, prose
from ml.evaluation.report import Case, Report, label

LONGEST_ANSWER = 4_000


def worst_first(report: Report, against: Report | None) -> list[Case]:
    """Return the cases, ordered by their loss against the other report, then by their scores, worst first."""
    others = {case.id: case for case in against.cases} if against else {}
    return sorted(report.cases, key=lambda case: (min(_gain(case, others.get(case.id)), 0.0), _mean(case)))


def case_cards(cases: Sequence[Case], against: Report | None, link: Callable[[str], str]) -> Iterator[str]:
    """Yield a card for each case."""
    others = {case.id: case for case in against.cases} if against else {}
    for case in cases:
        yield _card(case, others.get(case.id), link)


def _mean(case: Case) -> float:
    return fmean(case.scores.values()) if case.scores else 1.0


def _gain(case: Case, other: Case | None) -> float:
    shared = [name for name in case.scores if other and name in other.scores]
    return fmean(case.scores[name] - other.scores[name] for name in shared) if other and shared else 0.0


def _card(case: Case, other: Case | None, link: Callable[[str], str]) -> str:
    rows = [
        _row("wanted", prose(case.wanted) if case.wanted else "<em>no answer: nothing in the index answers it</em>"),
        _row("location", _place(case.place, link)),
        _row("LLM wrote", prose(case.written)),
        _row("before", prose(other.written) if other and other.written != case.written else ""),
        _row("cites", ", ".join(_place(place, link) for place in case.cited)),
    ]
    answer = html(case.answer[:LONGEST_ANSWER])
    whole = f"<details><summary>the whole answer</summary><pre>{answer}</pre></details>" if answer else ""
    chips = "".join(_chip(name, score, other) for name, score in case.scores.items())
    return (
        f'<div class="case"><h3>{prose(case.question)}</h3><dl>{"".join(rows)}</dl>'
        f'<div class="chips">{chips}</div>{whole}</div>'
    )


def _row(title: str, content: str) -> str:
    return f"<dt>{title}</dt><dd>{content}</dd>" if content else ""


def _place(place: str, link: Callable[[str], str]) -> str:
    if not place:
        return ""
    repo, _, shown = place.partition(":")
    address = link(place)
    code = f'<code title="{attribute(repo)}">{html(shown)}</code>'
    return f'<a href="{attribute(address)}">{code}</a>' if address else code


def _chip(name: str, score: float, other: Case | None) -> str:
    before = other.scores.get(name) if other else None
    css = "good" if score >= 0.8 else "bad" if score < 0.5 else ""
    was = f" (was {before:.2f})" if before is not None and before != score else ""
    return f'<span class="chip {css}">{html(label(name))} {score:.2f}{was}</span>'
