"""The report as people look at it: one HTML file with pictures, which loads nothing from anywhere."""

from ml.evaluation.page.charts import Losses
from ml.evaluation.page.render import Verdict, render

__all__ = ["Losses", "Verdict", "render"]
