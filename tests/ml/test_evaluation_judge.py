"""The judge: held to a schema, examined before it may decide, and set aside if it is unfit or fails."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml.errors import JudgeError, SettingsError
from ml.evaluation.case import Reply, Written
from ml.evaluation.judge import Jury, check_judge
from ml.evaluation.judge.check import known_cases
from ml.evaluation.judge.deepeval_metrics import measure
from ml.evaluation.judge.endpoint import EndpointJudge
from ml.evaluation.judge.schema import LONGEST_TEXT, MOST_ITEMS, bounded
from ml.evaluation.report import ANSWER_RELEVANCY, CONTEXTUAL_RECALL, FAITHFULNESS, JUDGED, JudgeVerdict
from ml.settings import Settings
from ml.training.examples import Example
from rag_service.evaluation.judge import open_judge
from tests.support.judge import Reply as JudgeReply
from tests.support.judge import by_words, judge_server

EXAMPLE = Example(
    question="What does retry do?",
    context="1| def retry(call):\n2|     for attempt in range(5): call()",
    answer="`retry` calls five times [1].",
)
ANSWER = Reply("`retry` makes the call five times.", found=True, contexts=("retry makes the call five times",))
PASSED = JudgeVerdict("words", passed=True, reason="all right")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty folder; no call may leave this machine, and the folder must stay empty."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        assert not isinstance(address, tuple) or address[0] in ("127.0.0.1", "::1"), address
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)
    monkeypatch.setenv("CONFIDENT_API_KEY", "a key that must not be used")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


def judge_at(url: str, timeout: float = 20.0) -> EndpointJudge:
    return EndpointJudge(url, "words", timeout)


def says(reply: str) -> JudgeReply:
    return lambda prompt, schema: reply


def always_yes(prompt: str, schema: dict[str, Any]) -> str:
    """Agree with everything, in the requested form."""
    (key,) = schema["properties"]
    items: list[Any] = [{"verdict": "yes", "reason": ""}] * 3 if key == "verdicts" else ["It is so."] * 3
    return json.dumps({key: items})


def test_a_good_judge_passes(elsewhere: Path) -> None:
    with judge_server(by_words) as url:
        verdict = check_judge(judge_at(url))
    assert verdict == JudgeVerdict("words", passed=True, reason="15 of 16 verdicts right")
    from deepeval.telemetry import telemetry_opt_out

    assert telemetry_opt_out()


def test_a_judge_that_agrees_with_everything_fails(elsewhere: Path) -> None:
    asked: list[int] = []
    with judge_server(always_yes) as url:
        verdict = check_judge(judge_at(url), lambda done, total: asked.append(done))
    assert not verdict.passed
    assert verdict.reason.startswith("3 of ")
    assert "a wrong answer got 1.00 for faithfulness" in verdict.reason
    assert len(asked) < len(known_cases())  # it stops as soon as the judge can no longer pass


@pytest.mark.parametrize("reply", ["Sure, I think so!", "", '{"verdicts": 7}', '{"claims": [1, {}]}', "[" * 500])
def test_nonsense_is_not_a_verdict(reply: str, elsewhere: Path) -> None:
    with judge_server(says(reply)) as url:
        verdict = check_judge(judge_at(url))
        with pytest.raises(JudgeError, match="returns nonsense"):
            measure(FAITHFULNESS, judge_at(url), "Why?", "So.", "So.", ["So it is."])
    assert not verdict.passed
    assert "returns nonsense" in verdict.reason


def test_an_unreachable_or_slow_judge_fails(elsewhere: Path) -> None:
    verdict = check_judge(judge_at("http://127.0.0.1:9/v1"))
    assert not verdict.passed
    assert "does not answer" in verdict.reason

    def slow(prompt: str, schema: dict[str, Any]) -> str:
        time.sleep(0.5)
        return "{}"

    with judge_server(slow) as url:
        verdict = check_judge(judge_at(url, timeout=0.05), cases=known_cases()[:1])
    assert not verdict.passed
    assert "did not answer within 0.05 s" in verdict.reason


def test_the_embedded_model_fails_as_a_judge(elsewhere: Path) -> None:
    judge = open_judge(Settings(judge="embedded"))
    assert judge
    verdict = check_judge(judge, cases=[case for case in known_cases() if case.kind == "absurd"][:1])
    assert not verdict.passed
    assert verdict.model == "SmolLM2-135M-Instruct"
    assert "1 of 1 verdicts wrong" in verdict.reason


def test_a_judge_at_an_endpoint_needs_its_address() -> None:
    with pytest.raises(SettingsError, match="judge_url"):
        open_judge(Settings().model_copy(update={"judge": "openai"}))
    settings = Settings(judge_url="http://127.0.0.1:9/v1", judge_model="m")
    assert open_judge(settings) == EndpointJudge("http://127.0.0.1:9/v1", "m", 120.0)
    assert open_judge(Settings()) is None


def test_text_of_the_llm_is_judged_against_its_own_evidence(elsewhere: Path) -> None:
    prompts: list[str] = []

    def note(prompt: str, schema: dict[str, Any]) -> str:
        prompts.append(prompt)
        return by_words(prompt, schema)

    with judge_server(note) as url:
        jury = Jury(judge_at(url), PASSED)
        whole = jury.scores(EXAMPLE, ANSWER, None, whole=True)
        alone = jury.scores(EXAMPLE, ANSWER, Written("`retry` will range over attempt.", supported=True), whole=False)
        neither = jury.scores(EXAMPLE, ANSWER, None, whole=False)
    assert set(whole) == set(alone) == JUDGED
    assert set(neither) == JUDGED - {FAITHFULNESS, ANSWER_RELEVANCY}  # the LLM had no part in it
    assert all(EXAMPLE.context not in prompt for prompt in prompts[:7])
    assert any(EXAMPLE.context in prompt and "truths" in prompt for prompt in prompts)
    assert whole[FAITHFULNESS] == 1.0
    assert jury.verdict() is PASSED


def test_writing_nothing_scores_nothing(elsewhere: Path) -> None:
    with judge_server(by_words) as url:
        scores = Jury(judge_at(url), PASSED).scores(EXAMPLE, ANSWER, Written("", supported=False), whole=False)
    assert (scores[FAITHFULNESS], scores[ANSWER_RELEVANCY]) == (0.0, 0.0)
    assert scores[CONTEXTUAL_RECALL] == 1.0


def test_a_judge_that_fails_midway_no_longer_decides(elsewhere: Path) -> None:
    with judge_server(by_words) as url:
        jury = Jury(judge_at(url), PASSED)
        assert set(jury.scores(EXAMPLE, ANSWER, None, whole=True)) == JUDGED
    for _ in range(5):
        jury.scores(EXAMPLE, ANSWER, None, whole=True)
    verdict = jury.verdict()
    assert not verdict.passed
    assert "failed on 3 of 7 judgements" in verdict.reason  # after three in a row it is not asked again
    assert "does not answer" in verdict.reason


def test_every_part_of_a_schema_is_bounded() -> None:
    schema = {
        "type": "object",
        "properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/Item"}}},
        "$defs": {
            "Item": {
                "type": "object",
                "properties": {
                    "verdict": {"type": "string", "enum": ["yes", "no"]},
                    "reason": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
            }
        },
    }
    found = bounded(schema)
    item = found["$defs"]["Item"]
    assert found["properties"]["items"]["maxItems"] == MOST_ITEMS
    assert item["properties"]["reason"]["anyOf"][0] == {"type": "string", "maxLength": LONGEST_TEXT}
    assert "maxLength" not in item["properties"]["verdict"]
    assert found["additionalProperties"] is item["additionalProperties"] is False


def test_the_known_cases_are_balanced() -> None:
    cases = known_cases()
    russian = [case for case in cases if any("а" <= letter <= "я" for letter in case.question)]
    assert sum(case.good for case in cases) * 2 == len(cases)
    assert 0.3 < len(russian) / len(cases) < 0.7
    assert {case.metric for case in cases} == JUDGED
    assert all(case.good == (case.kind == "right") for case in cases)
