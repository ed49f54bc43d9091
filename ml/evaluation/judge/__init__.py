"""The LLM that judges answers, whether it may, and DeepEval's metrics by its verdicts."""

from ml.evaluation.judge.base import Judge
from ml.evaluation.judge.check import check_judge
from ml.evaluation.judge.jury import Jury

__all__ = ["Judge", "Jury", "check_judge"]
