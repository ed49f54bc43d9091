"""The LLM that judges answers, the check of that judge, and DeepEval's metrics based on its verdicts."""

from ml.evaluation.judge.base import Judge
from ml.evaluation.judge.check import check_judge
from ml.evaluation.judge.jury import Jury

__all__ = ["Judge", "Jury", "check_judge"]
