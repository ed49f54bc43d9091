"""Building blocks of the dashboards: rows of graphs and single figures over one Prometheus."""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models

PROMETHEUS = models.DataSourceRef(type_val="prometheus", uid="${prometheus}")
WIDTH, HEIGHT = 24, 8

Panel = Builder[models.Panel]


@dataclass(frozen=True)
class Query:
    """One line of a graph: a PromQL expression and its legend (`{{label}}` is replaced)."""

    expression: str
    legend: str


@dataclass(frozen=True)
class Row:
    """A heading with the panels below it, which share the width."""

    title: str
    panels: Sequence[timeseries.Panel | stat.Panel]


@dataclass(frozen=True)
class Entry:
    """A dashboard variable, which queries use as `$name`."""

    name: str
    label: str
    default: str


def graph(title: str, about: str, unit: str, *queries: Query) -> timeseries.Panel:
    """Return a graph over time; `about` says what a reader learns from it."""
    panel = timeseries.Panel().title(title).description(about).unit(unit).datasource(PROMETHEUS).min(0)
    panel = panel.fill_opacity(8).show_points(options.VisibilityMode.NEVER)
    panel = panel.legend(common.VizLegendOptions().placement(options.LegendPlacement.BOTTOM).show_legend(True))
    for letter, query in zip("ABCDEF", queries, strict=False):
        panel = panel.with_target(_target(query, letter))
    return panel


def figure(title: str, about: str, unit: str, expression: str, red_from: float | None = None) -> stat.Panel:
    """Return a panel with the current value; it turns red from `red_from` upwards."""
    panel = stat.Panel().title(title).description(about).unit(unit).datasource(PROMETHEUS)
    panel = panel.with_target(_target(Query(expression, title), "A"))
    steps = [models.Threshold(color="green", value=None)]
    if red_from is not None:
        steps.append(models.Threshold(color="red", value=red_from))
    return panel.thresholds(builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))


def dashboard(uid: str, title: str, about: str, rows: Sequence[Row], entries: Sequence[Entry] = ()) -> str:
    """Return a dashboard as Grafana's JSON, byte for byte the same for the same input."""
    made = builders.Dashboard(title).uid(uid).description(about).tags(["codeintel"]).readonly()
    made = made.time("now-6h", "now").refresh("30s").timezone("browser")
    made = made.with_variable(builders.DatasourceVariable("prometheus").label("Prometheus").type("prometheus"))
    for entry in entries:
        made = made.with_variable(builders.TextBoxVariable(entry.name).label(entry.label).default_value(entry.default))
    for row in rows:
        made = made.with_row(builders.Row(row.title))
        for panel in row.panels:
            made = made.with_panel(panel.span(WIDTH // len(row.panels)).height(HEIGHT))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def quantile(share: float, histogram: str, by: str = "", where: str = "") -> str:
    """Return the expression of a quantile of a histogram over the graph's interval, for each value of the labels `by`.

    `where` selects among its series, as in PromQL's braces.
    """
    labels = f"le, {by}" if by else "le"
    chosen = f"{histogram}_bucket{{{where}}}" if where else f"{histogram}_bucket"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({chosen}[$__rate_interval])))"


def _target(query: Query, letter: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query.expression).legend_format(query.legend).ref_id(letter)
