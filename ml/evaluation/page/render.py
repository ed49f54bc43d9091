"""Render the page. Everything from models and repositories is escaped."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ml.evaluation.bootstrap import Difference, paired_difference
from ml.evaluation.page.cases import case_cards, worst_first
from ml.evaluation.page.charts import Losses, forest, loss_curve
from ml.evaluation.page.text import attribute, html
from ml.evaluation.report import (
    ABOUT,
    ANSWER_RELEVANCY,
    CITATION_PRECISION,
    CITATION_RECALL,
    FAITHFULNESS,
    REFERENCE_OVERLAP,
    REFUSAL_ACCURACY,
    SUPPORTED,
    Metric,
    Report,
    label,
)

STYLE = Path(__file__).with_name("style.css")
SHOWN = 12
GROUPS = {
    "What the LLM writes": (FAITHFULNESS, ANSWER_RELEVANCY, SUPPORTED, REFERENCE_OVERLAP),
    "What the service answers": (CITATION_PRECISION, CITATION_RECALL, REFUSAL_ACCURACY),
}
SEARCH = "What the search finds"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

Link = Callable[[str], str]
"""Returns the URL of `repo:path:start-end`, "" for none."""


class Verdict(Protocol):
    """The gate's decision on a candidate."""

    @property
    def passed(self) -> bool:
        """Whether the candidate may replace what is in force."""
        ...

    @property
    def reasons(self) -> Sequence[str]:
        """Why."""
        ...


def render(
    report: Report,
    *,
    against: Report | None = None,
    decision: Verdict | None = None,
    least: Mapping[str, float] | None = None,
    losses: Losses | None = None,
    link: Link | None = None,
    made: str = "",
) -> str:
    """Return the page about a report, compared with `against`, that of the base model or of what is in force.

    `least` are the gate's thresholds; `made` says when and by what the report was made.
    """
    against = against if against and against.dataset_digest == report.dataset_digest else None
    parts = [_head(report, against, made), _decision(decision), _judge(report)]
    parts += _pictures(report, against, least or {})
    if losses and losses.curve:
        parts.append(f'<h2>Training</h2><div class="card">{loss_curve(losses)}</div>')
    parts += [_gains(report, against), _cases(report, against, link or (lambda place: "")), _glossary(report)]
    return _document(report.model, "\n".join(filter(None, parts)))


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>Evaluation of {attribute(title)}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _head(report: Report, against: Report | None, made: str) -> str:
    questions = len(report.cases)
    absent = sum(not case.place for case in report.cases)
    beside = f" beside {html(against.model)}" if against else ""
    asked = f"{questions} questions, {absent} of them about absent features · " if questions else ""
    about = f"{asked}data set {report.dataset_digest[:12]}" + (f" · {html(made)}" if made else "")
    return f'<h1>Evaluation of {html(report.model)}{beside}</h1>\n<p class="soft">{about}</p>'


def _decision(decision: Verdict | None) -> str:
    if decision is None:
        return ""
    kind, said = ("good", "Passed the gate") if decision.passed else ("bad", "Did not pass the gate")
    reasons = "".join(f"<li>{html(reason)}</li>" for reason in decision.reasons)
    return f'<div class="card verdict {kind}"><strong>{said}</strong><ul>{reasons}</ul></div>'


def _judge(report: Report) -> str:
    verdict = report.judge
    if verdict is None:
        return '<div class="card verdict">No judge: the metrics that need none decide.</div>'
    kind, said = ("good", "may decide") if verdict.passed else ("bad", "may not decide")
    name = html(verdict.model)
    return f'<div class="card verdict {kind}">The judge {name} <strong>{said}</strong><br>{html(verdict.reason)}</div>'


def _pictures(report: Report, against: Report | None, least: Mapping[str, float]) -> Iterator[str]:
    theirs = {metric.name: metric for metric in against.metrics} if against else {}
    legend = f'<span><i class="ours"></i>{html(report.model)}</span>'
    if against:
        legend += f'<span><i class="theirs"></i>{html(against.model)}</span>'
    if any(metric.name in least for metric in report.metrics):
        legend += '<span><i class="least"></i>threshold</span>'
    yield f'<h2>Metrics</h2><p class="legend">{legend}<span>means with 95 % intervals</span></p>'
    for title, metrics in _grouped(report).items():
        yield f'<div class="card"><p class="soft">{title}</p>{forest(metrics, theirs, least)}</div>'


def _grouped(report: Report) -> dict[str, list[Metric]]:
    groups: dict[str, list[Metric]] = {}
    named = {name: title for title, names in GROUPS.items() for name in names}
    for metric in report.metrics:
        groups.setdefault(named.get(metric.name, SEARCH), []).append(metric)
    return {title: groups[title] for title in (*GROUPS, SEARCH) if title in groups}


def _gains(report: Report, against: Report | None) -> str:
    rows = list(_gain_rows(report, against)) if against else []
    if not rows:
        return ""
    head = (
        "<tr><th>metric</th><th>gain, 95 % interval</th><th>by luck</th><th>better</th><th>worse</th><th>same</th></tr>"
    )
    return f'<h2>Case by case</h2><div class="card scroll"><table>{head}{"".join(rows)}</table></div>'


def _gain_rows(report: Report, against: Report) -> Iterator[str]:
    for metric in report.metrics:
        ours, theirs = report.scores(metric.name), against.scores(metric.name)
        shared = [case for case in ours if case in theirs]
        if not shared:
            continue
        gain = paired_difference([ours[case] for case in shared], [theirs[case] for case in shared])
        up = sum(ours[case] > theirs[case] for case in shared)
        down = sum(ours[case] < theirs[case] for case in shared)
        css = "up" if gain.is_better else "down" if gain.high < 0 else ""
        cells = (
            f'<td class="figure {css}">{gain}</td>',
            f'<td class="figure">{_luck(gain) if up or down else "–"}</td>',
        )
        counts = "".join(f'<td class="figure">{count}</td>' for count in (up, down, len(shared) - up - down))
        yield f"<tr><td>{html(label(metric.name))}</td>{''.join(cells)}{counts}</tr>"


def _luck(gain: Difference) -> str:
    return "p < 0.001" if gain.p is not None and gain.p < 0.001 else f"p = {gain.p:.3f}"


def _cases(report: Report, against: Report | None, link: Link) -> str:
    if not report.cases:
        return ""
    ordered = worst_first(report, against)
    first = "".join(case_cards(ordered[:SHOWN], against, link))
    rest = "".join(case_cards(ordered[SHOWN:], against, link))
    more = f"<details><summary>The other {len(ordered) - SHOWN} cases</summary>{rest}</details>" if rest else ""
    return f"<h2>The worst cases</h2>{first}{more}"


def _glossary(report: Report) -> str:
    rows = "".join(
        f"<tr><td>{html(label(metric.name))}</td><td>{html(ABOUT.get(metric.name, ''))}</td></tr>"
        for metric in report.metrics
    )
    return f"<h2>What the metrics are</h2><table>{rows}</table>"
