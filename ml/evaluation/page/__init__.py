"""The report for people: one self-contained HTML file with charts."""

from ml.evaluation.page.charts import Losses
from ml.evaluation.page.render import Verdict, render

__all__ = ["Losses", "Verdict", "render"]
