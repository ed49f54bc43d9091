"""Tables of means with their intervals, in a terminal or in Markdown."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from benchmarks.answers.measures import MEASURES, Measure, Scored
from benchmarks.answers.questions import HELD_OUT, KINDS, TUNING
from ml.evaluation.bootstrap import interval, paired_difference

BRIEF = ("refused", "told", "names", "files", "ranges", "unborne", "words")


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its title, the header and the rows."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """Return it in Markdown."""
        rule = ("---", *("--:" for _ in self.header[1:]))
        lines = (f"| {' | '.join(cells)} |" for cells in (self.header, rule, *self.rows))
        return "\n".join([f"**{self.title}**", "", *lines])

    def show(self) -> None:
        """Print it in a terminal."""
        from rich.console import Console
        from rich.table import Table as Drawn

        drawn = Drawn(title=self.title)
        for number, name in enumerate(self.header):
            drawn.add_column(name, justify="right" if number else "left")
        for cells in self.rows:
            drawn.add_row(*cells)
        Console().print(drawn)


def tables(scored: Sequence[Scored]) -> Iterator[Table]:
    """Yield all tables: of each half, then by kind and repository, and differences."""
    systems = list(dict.fromkeys(each.system for each in scored))
    for half in (TUNING, HELD_OUT):
        group = [each for each in scored if each.half == half]
        whole, sample = most_asked(group), shared(group)
        if whole:
            yield _systems(half, whole)
        if len({each.system for each in sample}) > len({each.system for each in whole}):
            yield _systems(f"{half}, asked of all systems", sample)
    for system in systems:
        mine = [each for each in scored if each.system == system]
        yield _groups(f"{system}, by kind", mine, lambda each: each.question.kind, (*KINDS, "other"))
        yield _groups(f"{system}, by repository", mine, _repository, sorted({_repository(each) for each in mine}))
    for ours, theirs in itertools.combinations(systems, 2):
        yield _differences(shared([each for each in scored if each.system in (ours, theirs)]), ours, theirs)


def most_asked(scored: Sequence[Scored]) -> list[Scored]:
    """Return the answers of the systems that were asked the most questions: an LLM may have had time for a few only."""
    counts = Counter(each.system for each in scored)
    return [each for each in scored if counts[each.system] == max(counts.values())]


def shared(scored: Sequence[Scored]) -> list[Scored]:
    """Return the answers to the questions that every system was asked."""
    by_system: dict[str, set[tuple[str, str]]] = {}
    for each in scored:
        by_system.setdefault(each.system, set()).add(_key(each))
    common = set.intersection(*by_system.values()) if by_system else set()
    return [each for each in scored if _key(each) in common]


def mean(scored: Iterable[Scored], measure: Measure) -> str:
    """Return a measure's mean with its 95 % interval, of the answers that it applies to, or the median if it is no share."""
    values = [each.scores[measure.name] for each in scored if measure.name in each.scores]
    if not values:
        return "–"
    if not measure.is_share:
        return format(median(values), measure.form)
    low, high = interval(values)
    return f"{fmean(values):{measure.form}} ({low:{measure.form}}–{high:{measure.form}})"


def _systems(title: str, scored: Sequence[Scored]) -> Table:
    systems = list(dict.fromkeys(each.system for each in scored))
    rows = (
        (measure.title, *(mean([each for each in scored if each.system == system], measure) for system in systems))
        for measure in MEASURES
    )
    return Table(f"{title}: {len({_key(each) for each in scored})} questions", ("", *systems), tuple(rows))


def _groups(title: str, scored: Sequence[Scored], key: Callable[[Scored], str], names: Sequence[str]) -> Table:
    measures = [measure for measure in MEASURES if measure.name in BRIEF]
    groups = ((name, [each for each in scored if key(each) == name]) for name in names)
    rows = ((name, str(len(group)), *(mean(group, measure) for measure in measures)) for name, group in groups if group)
    return Table(title, ("", "questions", *(measure.title for measure in measures)), tuple(rows))


def _differences(scored: Sequence[Scored], ours: str, theirs: str) -> Table:
    rows = (_difference(scored, ours, theirs, measure) for measure in MEASURES if measure.is_share)
    return Table(f"{ours} minus {theirs}, per question", ("", "questions", "difference"), tuple(rows))


def _difference(scored: Sequence[Scored], ours: str, theirs: str, measure: Measure) -> tuple[str, ...]:
    pairs: dict[tuple[str, str], dict[str, float]] = {}
    for each in scored:
        if measure.name in each.scores:
            pairs.setdefault(_key(each), {})[each.system] = each.scores[measure.name]
    both = [(pair[ours], pair[theirs]) for pair in pairs.values() if len(pair) > 1]
    if not both:
        return (measure.title, "0", "–")
    return (measure.title, str(len(both)), str(paired_difference(*zip(*both, strict=True))))


def _key(scored: Scored) -> tuple[str, str]:
    return scored.question.repo, scored.question.text


def _repository(scored: Scored) -> str:
    return f"{scored.question.repo} ({scored.half})"
