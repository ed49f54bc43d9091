"""Sources of pairs besides templates: rated answers, a file written by hand, an LLM's rephrasing."""

import json
from pathlib import Path
from typing import Any

import pytest

from ml.dataset.make import DatasetReport, Plan, make_dataset
from ml.errors import CodeIntelError, DatasetError, SettingsError
from ml.index import open_index
from ml.index.build import build_index
from ml.records import open_records
from ml.settings import Settings
from ml.training.examples import Example, read_examples
from rag_service.answer.assistant import open_assistant
from rag_service.answer.events import Answer
from rag_service.answer.generated.teaching import form_for, paraphraser
from rag_service.record import record_feedback
from rag_service.retrieve import open_retriever
from tests.support.depot import TOKEN, make_depot
from tests.support.git import git
from tests.support.llm_server import llm_server, says

LINE: dict[str, Any] = {
    "question": "What becomes of a parcel that nothing is wrong with?",
    "answer": "`accept_return` calls `restock_parcel` and returns `damage.repair_cost` [1].",
    "repo": "depot",
    "file_path": "depot/returns.py",
    "line_start": 11,
    "line_end": 12,
}


@pytest.fixture(scope="module")
def depot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_depot(tmp_path_factory.mktemp("sources") / "depot")


@pytest.fixture(scope="module")
def store(depot: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    made = str(tmp_path_factory.mktemp("store"))
    opened, embedder = open_index(Settings(store=made))
    build_index(str(depot), opened, embedder, max_file_bytes=100_000, workers=1)
    opened.close()
    return made


@pytest.fixture
def settings(store: str, tmp_path: Path) -> Settings:
    return Settings(store=store, data_dir=str(tmp_path / "data"), llm="none")


def make(settings: Settings, output: Path, by_hand: Path | None = None) -> tuple[DatasetReport, list[Example]]:
    retriever = open_retriever(settings)
    plan = Plan(size=60, by_hand=by_hand, records=open_records(settings))
    report = make_dataset(retriever.store, form_for(retriever, settings), output, plan)
    retriever.store.close()
    return report, [example for name in ("train.jsonl", "held_out.jsonl") for example in read_examples(output / name)]


def ask(settings: Settings, question: str) -> Answer:
    with open_assistant(settings) as assistant:
        return assistant.answer(question)


def test_answers_rated_up_become_pairs_and_those_rated_down_never(settings: Settings, tmp_path: Path) -> None:
    liked = "which clerk's camera takes the photo of a return?"
    disputed = "how is a load split between couriers?"
    disliked = "which shelf does a held parcel go to?"
    secret = f"where does accept_return check {TOKEN}?"
    for question, verdicts in ((liked, "up"), (disputed, "up down"), (disliked, "down"), (secret, "up")):
        answer = ask(settings, question)
        assert answer.found
        for verdict in verdicts.split():
            record_feedback(settings, answer.id, verdict, caller="ann@example.test")  # type: ignore[arg-type]
    ask(settings, "an answer that nobody rated: where is a tour planned?")
    report, examples = make(settings, tmp_path / "dataset")
    rated = {example.question: example for example in examples if example.origin == "feedback"}
    assert liked in rated
    assert rated[liked].symbol == "accept_return"
    assert rated[liked].learn
    assert report.dropped["rated down"] == 2
    text = "".join(file.read_text() for file in (tmp_path / "dataset").iterdir())
    assert disputed not in text
    assert disliked not in text
    assert "nobody rated" not in text
    assert "ann@example.test" not in text
    assert TOKEN not in text


def test_a_rated_answer_whose_lines_are_gone_is_dropped(settings: Settings, tmp_path: Path) -> None:
    folder = Path(settings.data_dir)
    folder.mkdir()
    gone = {"id": "a", "question": "where was it?", "answer": "There [1].", "found": True, "complete": True}
    places = ["depot:depot/gone.py:1-2", "elsewhere:depot/returns.py:1-2", "depot:depot/returns.py:900-901", "nonsense"]
    (folder / "audit.jsonl").write_text(json.dumps({**gone, "citations": places}) + "\nno json\n")
    (folder / "feedback.jsonl").write_text('{"id": "a", "verdict": "up"}\n{"id": "unknown", "verdict": "up"}\n')
    report, examples = make(settings, tmp_path / "dataset")
    assert report.dropped["rated answer whose lines are gone"] == 1
    assert "feedback" not in {example.origin for example in examples}


def by_hand(folder: Path, *lines: dict[str, Any] | str) -> Path:
    file = folder / "by_hand.jsonl"
    file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return file


def test_pairs_by_hand_are_merged_with_the_evidence_filled_in(settings: Settings, depot: Path, tmp_path: Path) -> None:
    russian = {
        **LINE,
        "question": "Что делают с целой посылкой?",
        "answer": "Её возвращают на полку.",
        "line_start": 10,
    }
    absent = {"question": f"Which drone carries {TOKEN}?", "answer": "None.", "origin": "absent"}
    _, examples = make(settings, tmp_path / "dataset", by_hand(tmp_path, LINE, "", russian, absent))
    (pair,) = (example for example in examples if example.origin == "hand" and example.question == LINE["question"])
    assert pair.learn
    assert pair.answer == LINE["answer"]
    assert (pair.symbol, pair.revision) == ("accept_return", git(depot, "rev-parse", "HEAD"))
    assert "11|     restock_parcel(parcel)" in pair.context
    assert not [example for example in examples if example.question == russian["question"] and example.learn]
    (refused,) = (example for example in examples if "drone" in example.question)
    assert refused.absent
    assert TOKEN not in refused.question


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("no json", "by_hand.jsonl:2: the line"),
        ({**LINE, "question": " "}, "by_hand.jsonl:2: question"),
        ({**LINE, "surprise": 1}, "by_hand.jsonl:2: surprise"),
        ({**LINE, "file_path": "depot/gone.py"}, r"the link depot:depot/gone.py:11-12 is dead"),
        ({**LINE, "line_end": 999}, r"the link depot:depot/returns.py:11-999 is dead"),
        ({**LINE, "line_start": 0, "line_end": 0}, "is dead"),
        ({**LINE, "repo": "nowhere"}, "is dead"),
        ({**LINE, "revision": "0" * 40}, "the link is to revision 0000"),
    ],
)
def test_a_bad_line_by_hand_is_an_error_with_place_and_reason(
    settings: Settings, tmp_path: Path, line: dict[str, Any] | str, reason: str
) -> None:
    with pytest.raises(DatasetError, match=reason) as caught:
        make(settings, tmp_path / "dataset", by_hand(tmp_path, LINE, line))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "dataset").exists()


def test_an_llm_rephrases_questions(settings: Settings, tmp_path: Path) -> None:
    def questions(paraphrase: bool) -> list[str]:
        retriever = open_retriever(asked)
        reword = paraphraser(asked) if paraphrase else None
        make_dataset(retriever.store, form_for(retriever, asked), tmp_path / "d", Plan(size=20), paraphrase=reword)
        retriever.store.close()
        return [example.question for example in read_examples(tmp_path / "d" / "train.jsonl")]

    with llm_server(says("Tell me, ", "what goes on in `weigh_parcel`?")) as server:
        asked = settings.model_copy(
            update={"llm": "openai", "llm_url": server.url, "llm_model": "m", "base_model": "embedded"}
        )
        plain = questions(paraphrase=False)
        assert not server.requests
        assert questions(paraphrase=True) == plain  # its wording names other code than the questions do
        assert len(server.requests) >= len(plain)
        reword = paraphraser(asked)
        assert reword("How does `weigh_parcel` work?") == "Tell me, what goes on in `weigh_parcel`?"
        assert reword("Как работает `weigh_parcel`?") == "Как работает `weigh_parcel`?"
    with pytest.raises(SettingsError, match="no LLM is configured"):
        paraphraser(settings)
    with pytest.raises(CodeIntelError, match=r"away|reached|answer|connect"):
        reword("How does `weigh_parcel` work?")
