"""DeepEval's metrics with our own judge: nothing is sent to DeepEval or written into the working folder."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from ml.errors import JudgeError
from ml.evaluation.judge.base import Judge
from ml.evaluation.judge.schema import bounded
from ml.evaluation.report import ANSWER_RELEVANCY, CONTEXTUAL_PRECISION, CONTEXTUAL_RECALL, FAITHFULNESS

if TYPE_CHECKING:
    from deepeval.models import DeepEvalBaseLLM

QUIET = {
    "DEEPEVAL_TELEMETRY_OPT_OUT": "YES",
    "DEEPEVAL_UPDATE_WARNING_OPT_IN": "NO",
    "DEEPEVAL_DISABLE_DOTENV": "1",  # it must not read .env files of the working folder
    "DEEPEVAL_DISABLE_LEGACY_KEYFILE": "1",
    "ERROR_REPORTING": "NO",
    "CONFIDENT_TRACE_SAMPLE_RATE": "0",
    "CONFIDENT_TRACE_FLUSH": "NO",
}


def measure(name: str, judge: Judge, question: str, answer: str, wanted: str, contexts: list[str]) -> float:
    """Return a metric's score, 0..1, of an answer (`wanted` is the reference) over the texts it was based on.

    Raise JudgeError if the judge is down or returns nonsense.
    """
    deepeval = _deepeval()
    case = deepeval.case(input=question, actual_output=answer, expected_output=wanted, retrieval_context=contexts)
    metric = deepeval.metrics[name](
        model=deepeval.model(judge), async_mode=False, include_reason=False, eval_mode="llm"
    )
    try:
        return float(metric.measure(case, _show_indicator=False))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:  # what DeepEval raises on nonsense
        raise JudgeError(f"the judge {judge.name} returns nonsense ({_line(error)})", "use a larger model") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


@dataclass(frozen=True, slots=True)
class _DeepEval:
    """What we use of DeepEval: its test case, our judge as its model, and its metrics by our names."""

    case: Any
    model: Callable[[Judge], "DeepEvalBaseLLM"]
    metrics: Mapping[str, Any]


@cache
def _deepeval() -> _DeepEval:
    """Import DeepEval, only here: importing any of it reads its settings, sends telemetry and writes files."""
    os.environ.update(QUIET)
    from deepeval.metrics import (
        AnswerRelevancyMetric,
        ContextualPrecisionMetric,
        ContextualRecallMetric,
        FaithfulnessMetric,
    )
    from deepeval.models import DeepEvalBaseLLM
    from deepeval.test_case import LLMTestCase

    class JudgeModel(DeepEvalBaseLLM):  # type: ignore[misc]  # the type checker skips DeepEval
        """Adapts a judge to DeepEval."""

        def __init__(self, judge: Judge) -> None:
            self.judge = judge
            super().__init__(judge.name)

        def load_model(self) -> Judge:
            return self.judge

        def get_model_name(self) -> str:
            return self.judge.name

        def generate(self, prompt: str, schema: type[BaseModel]) -> BaseModel:
            reply = self.judge.complete(prompt, bounded(schema.model_json_schema()))
            try:
                return schema.model_validate_json(reply)
            except ValidationError as error:
                cause = f"the judge {self.judge.name} returns nonsense ({reply[:80]!r})"
                raise JudgeError(cause, "use a model that can answer in JSON") from error

        async def a_generate(self, prompt: str, schema: type[BaseModel]) -> BaseModel:
            return self.generate(prompt, schema)

    metrics = {
        FAITHFULNESS: FaithfulnessMetric,
        ANSWER_RELEVANCY: AnswerRelevancyMetric,
        CONTEXTUAL_PRECISION: ContextualPrecisionMetric,
        CONTEXTUAL_RECALL: ContextualRecallMetric,
    }
    return _DeepEval(LLMTestCase, JudgeModel, metrics)
