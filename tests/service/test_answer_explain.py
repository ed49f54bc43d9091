"""What a reader sees of a model that explains: scripted ones that fail in every way, and the real small one."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from ml.adapters.backends import open_llm
from ml.llm.model import Speed
from ml.llm.runtime import runtime
from ml.llm.weights import embedded_weights
from ml.settings import Settings
from rag_service.answer.assistant import open_assistant
from rag_service.answer.events import Answer, Event, Evidence, Text
from rag_service.answer.generated.budget import LEAST_TOKENS, PROMPT_TOKENS, budget_for
from rag_service.answer.generated.prompt import explaining_prompt
from tests.support.llm_server import Behaviour, breaks_off, llm_server, refuses, says, trickles

QUESTION = "How does charge_order work?"
IN_RUSSIAN = "Как работает charge_order?"
# What is put into the model's mouth is the subject, whichever that is.
TRIES = " delegates it. `charge_order` calls `send_request` with `self.gateway_url` for each attempt."
WAITS = " When `send_request` fails, it handles `GatewayError` and calls `wait_before`."
RAISES = " It raises `GatewayError` once no attempt succeeded."
NONSENSE = " The layered design promotes separation of concerns."

Explain = Callable[..., tuple[list[Event], Answer]]


@pytest.fixture
def explained(indexed: Settings, monkeypatch: pytest.MonkeyPatch) -> Explain:
    """Return a function that asks with a model which behaves so, and cites nothing by itself."""

    def ask(behaviour: Behaviour, question: str = QUESTION) -> tuple[list[Event], Answer]:
        with llm_server(behaviour) as server:
            changes = {"llm": "openai", "llm_url": server.url, "llm_model": "small", "llm_retries": 0}
            settings = indexed.model_copy(update=changes)
            llm = open_llm(settings)
            assert llm
            with open_assistant(settings) as assistant:
                monkeypatch.setattr(assistant.llm, "get", lambda: replace(llm, cites=False))
                events = list(assistant.ask(question))
        answer = events[-1]
        assert isinstance(answer, Answer)
        return events, answer

    return ask


def shown(events: Sequence[Event], part: str) -> str:
    return "".join(event.text for event in events if isinstance(event, Text) and event.part == part)


def test_each_sentence_gets_its_lines_and_streams_behind_the_composed_answer(explained: Explain) -> None:
    events, answer = explained(says(*TRIES.split(" "), *[f" {word}" for word in (TRIES + WAITS + RAISES).split()]))
    texts = [event for event in events if isinstance(event, Text) and event.text]
    assert isinstance(events[0], Evidence)
    assert texts[0].part == "answer"
    assert {text.part for text in texts[1:]} == {"explanation"}
    assert answer.answer == "".join(text.text for text in texts)
    assert answer.answer.endswith(answer.explanation)
    assert answer.explanation == shown(events, "explanation")
    assert answer.model == "evidence + small"
    assert "In the words of small" in answer.explanation
    assert answer.citations


def test_the_sentences_of_a_good_model_are_kept(explained: Explain) -> None:
    _, answer = explained(says(*[f"{word} " for word in (TRIES + WAITS + RAISES).split()]))
    assert "`charge_order` calls `send_request` with `self.gateway_url` for each attempt [" in answer.explanation
    assert "handles `GatewayError` and calls `wait_before` [" in answer.explanation
    assert "raises `GatewayError` once no attempt succeeded [" in answer.explanation
    assert answer.dropped == 1


@pytest.mark.parametrize(
    ("why", "written", "kept", "lost"),
    [
        ("general knowledge", TRIES + NONSENSE, "calls `send_request`", "separation"),
        ("a wrong relation", TRIES + " `send_request` calls `charge_order` first.", "for each attempt", "first"),
        ("an invented name", TRIES + " It calls `retry_later()` then.", "for each attempt", "retry_later"),
        ("a citation of its own", TRIES.replace("attempt.", "attempt [7]."), "for each attempt [", "[7]"),
        ("a list", f"{TRIES}\n- {RAISES.strip()}\n", "raises `GatewayError`", "- It"),
        ("a block of code", TRIES + "\n```python\ncharge_order(None)\n```\n", "for each attempt", "None"),
        ("a link", TRIES + " See [the docs](http://evil.example/x) of `wait_before`.", "for each attempt", "evil"),
    ],
)
def test_what_nothing_bears_is_left_out(explained: Explain, why: str, written: str, kept: str, lost: str) -> None:
    _, answer = explained(says(*[f"{word} " for word in written.split(" ")]))
    assert kept in answer.explanation, why
    assert lost not in answer.explanation, why


def test_repetition_stops_the_writing(explained: Explain) -> None:
    _, answer = explained(trickles(TRIES, seconds=20))
    assert answer.explanation.count("for each attempt") == 1
    assert sum(answer.timings.values()) < 20


@pytest.mark.parametrize(
    ("question", "written"),
    [
        (QUESTION, [NONSENSE] * 3),
        (QUESTION, ["word " * 400]),
        (QUESTION, [" вызывает `send_request` для каждой попытки."]),
        (QUESTION, [" 调用 `send_request` 每次尝试。 它返回收据。"]),
        (IN_RUSSIAN, [TRIES]),
    ],
    ids=["nonsense", "a loop", "Russian", "Chinese", "English to a Russian"],
)
def test_if_nothing_is_borne_the_composed_answer_stands_and_one_line_says_so(
    explained: Explain, question: str, written: list[str]
) -> None:
    events, answer = explained(says(*written), question)
    said = "строками не подтвердилось" if question is IN_RUSSIAN else "small wrote nothing that these lines bear"
    assert said in answer.explanation
    assert answer.explanation.strip().count("\n") == 0
    assert shown(events, "answer").strip()
    assert answer.withheld
    assert answer.citations


def test_a_model_that_breaks_off_leaves_what_was_borne(explained: Explain) -> None:
    _, answer = explained(breaks_off(TRIES, " It then"))
    assert "for each attempt [" in answer.explanation
    assert answer.explanation.rstrip().endswith("*(The model broke off here.)*")
    assert "is away" in answer.notices[0]


def test_without_a_model_the_composed_answer_stands(explained: Explain) -> None:
    events, answer = explained(refuses(500))
    assert answer.explanation == ""
    assert "is away" in answer.notices[0]
    assert shown(events, "answer") == answer.answer


def test_a_model_that_cites_nothing_though_told_to_is_cited_afterwards(indexed: Settings) -> None:
    with llm_server(says("`place_order`", *[f" {word}" for word in TRIES.split()], NONSENSE)) as server:
        changes = {"llm": "openai", "llm_url": server.url, "llm_model": "large", "llm_retries": 0}
        with open_assistant(indexed.model_copy(update=changes)) as assistant:
            answer = assistant.answer(QUESTION)
    assert "for each attempt [" in answer.explanation
    assert "separation" not in answer.answer


@pytest.mark.parametrize(
    ("speed", "evidence", "seconds"),
    [(Speed(40.0, 12.0), 280, 15), (Speed(220.0, 60.0), 330, 3), (Speed(4_000.0, 100.0), 3_500, 3)],
    ids=["two cores", "eight cores", "a card"],
)
def test_the_first_sentence_comes_in_time(speed: Speed, evidence: int, seconds: int) -> None:
    budget = budget_for(speed, context=8_192)
    assert budget.evidence > evidence
    assert (budget.evidence + PROMPT_TOKENS) / speed.reading + 30 / speed.writing <= seconds
    assert (budget.evidence + PROMPT_TOKENS) / speed.reading + budget.written / speed.writing <= 45


def test_a_machine_that_was_slow_once_may_try_again() -> None:
    assert budget_for(Speed(2.0, 0.5), context=4_096).evidence == LEAST_TOKENS - PROMPT_TOKENS


def test_the_beginning_of_the_prompt_is_read_once() -> None:
    model = runtime(str(embedded_weights()), 4096)
    cached = []
    for question in ("What does f do?", "What does g return?"):
        values = {"evidence": f"# a.py f\ndef f(): {question}", "question": question}
        messages = explaining_prompt("en", opens=False).format_messages(**values)
        roles = {"system": "system", "human": "user", "ai": "assistant"}
        request = {"messages": [{"role": roles[each.type], "content": each.content} for each in messages]}
        *_, last = model._parts({**request, "max_tokens": 2, "temperature": 0, "timings_per_token": True}, 60)
        cached.append(last["timings"]["cache_n"])
    assert cached[1] > 100


def test_the_speed_is_measured_while_it_writes() -> None:
    found: list[Speed] = []
    request = {"messages": [{"role": "user", "content": "word " * 100}], "max_tokens": 16, "ignore_eos": True}
    list(runtime(str(embedded_weights()), 4096).stream({**request, "cache_prompt": False}, 60, found.append))
    assert len(found) == 1
    assert found[0].reading > 0
    assert found[0].writing > 0
