"""A whole evaluation: the real service over a small shop, the embedded LLM, the command line and its reports."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ml.adapters.convert import write_gguf
from ml.adapters.pointer import Pointer, adapters_folder, write_pointer
from ml.errors import AdapterError, DatasetError, EvaluationError
from ml.evaluation.answers import overlap
from ml.evaluation.case import Cited, Reply, Written
from ml.evaluation.evaluate import absent_questions, cases_digest, evaluate
from ml.evaluation.page import Losses, render
from ml.evaluation.report import (
    ABOUT,
    ANSWER_RELEVANCY,
    CITATION_PRECISION,
    CITATION_RECALL,
    FAITHFULNESS,
    JUDGED,
    MRR,
    NDCG,
    RECALL,
    REFERENCE_OVERLAP,
    REFUSAL_ACCURACY,
    SUPPORTED,
    JudgeVerdict,
    Report,
    read_report,
)
from ml.evaluation.retrieval import Place
from ml.index import open_index
from ml.index.build import build_index
from ml.registry.gate import Decision
from ml.settings import Settings
from ml.training.base_model import BaseModel, file_digest
from ml.training.examples import ABSENT, Example, write_examples
from ml.training.result import TrainingResult
from rag_service.cli import cli
from rag_service.evaluation.measuring import Measured, evaluate_model, measure, sample
from rag_service.evaluation.reports import write_reports
from tests.support.judge import by_words, judge_server
from tests.support.llm_server import llm_server, refuses, says
from tests.support.shop import write_shop
from tests.support.vllm_double import vllm_double

ASKED = (
    (
        "shop/orders.py",
        "total_price",
        "What does total_price return?",
        "`total_price` returns 0 when `discount > price`.",
    ),
    ("shop/billing/charge.py", "wait_before", "What does wait_before call?", "`wait_before` calls `sleep`."),
    ("shop/billing/gateway.py", "send_request", "When does send_request raise?", "When `reply.status != 200`."),
)
FOUND = Reply(
    "`total_price` is a function in `a.py:1-9` [1].",
    found=True,
    citations=(Cited(1, Place("a.py", 1, 9, "shop"), "def total_price(items):"),),
    places=(Place("b.py", 1, 5, "shop"), Place("a.py", 1, 9, "shop")),
    written=Written("`total_price` returns the sum", supported=True),
)
REFUSED = Reply("I found nothing about that.", found=False)
ONE = Example(
    question="What does total_price return?",
    context="1| def total_price(items):",
    answer="`total_price` returns the sum of the items [1].",
    repo="shop",
    file_path="a.py",
    line_start=3,
    line_end=9,
    symbol="total_price",
)


Run = Callable[..., Result]


def ask(question: str) -> Reply:
    return FOUND if "total_price" in question else REFUSED


def means(report: Report) -> dict[str, float]:
    return {metric.name: metric.mean for metric in report.metrics}


def test_figures_computed_by_hand() -> None:
    other = ONE.model_copy(update={"question": "Where is the tide table?", "file_path": "c.py"})
    report = evaluate([ONE, other], ask, model="m", absent=["Where are total_price and the moon?", "What is a comet?"])
    found = means(report)
    # Two of four are right: the first is answered and the last refused; one is wrongly refused and one wrongly answered.
    assert found[REFUSAL_ACCURACY] == 2 / 4
    assert found[CITATION_PRECISION] == 1.0
    assert found[CITATION_RECALL] == found[RECALL] == 1 / 2
    assert found[MRR] == (1 / 2 + 0) / 2
    assert found[NDCG] == pytest.approx(0.6309 / 2, abs=1e-4)
    # Without the question's own words the answer has "sum", the reference "sum" and "items".
    assert found[REFERENCE_OVERLAP] == pytest.approx(2 / 3)
    assert found[SUPPORTED] == 1.0
    assert not JUDGED & set(found)
    assert list(found) == [name for name in ABOUT if name in found]
    assert [case.place for case in report.cases] == ["shop:a.py:3-9", "shop:c.py:3-9", "", ""]


def test_the_bare_llm_is_asked_only_answerable_questions() -> None:
    asked: list[str] = []

    def write(example: Example) -> Written:
        asked.append(example.question)
        return Written("`total_price` returns nothing", supported=False)

    others = [
        ONE.model_copy(update={"question": "Why total_price?", "learn": False}),
        ONE.model_copy(update={"question": "Is there a moon?", "origin": ABSENT}),
    ]
    report = evaluate([ONE, *others], ask, model="m", write=write)
    assert asked == [ONE.question]
    assert len(report.cases) == 3  # the data set has its own absent questions, so the shipped ones are not asked
    assert means(report)[REFUSAL_ACCURACY] == 1.0
    assert [SUPPORTED in case.scores for case in report.cases] == [True, True, False]  # the second by the reply's own


def test_reports_are_identified_by_their_questions() -> None:
    two = ONE.model_copy(update={"question": "Another?"})
    assert cases_digest([ONE, two], ["a"]) == cases_digest([two, ONE], ["a"])
    assert len({cases_digest([ONE], ["a"]), cases_digest([ONE, two], ["a"]), cases_digest([ONE], ["b"])}) == 3
    same = evaluate([ONE], ask, model="m", absent=["a"])
    assert same == evaluate([ONE], ask, model="m", absent=["a"])
    assert same.dataset_digest == cases_digest([ONE], ["a"])


def test_nothing_to_ask_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="no held-out examples"):
        evaluate([], ask, model="m")


def test_a_sample_is_spread_and_deterministic() -> None:
    examples = [ONE.model_copy(update={"question": str(number)}) for number in range(10)]
    assert [example.question for example in sample(examples, 4)] == ["0", "2", "5", "7"]
    assert sample(examples, 100) == examples


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return settings with the shop indexed and a data set about it."""
    root, data = tmp_path_factory.mktemp("shop"), tmp_path_factory.mktemp("data")
    write_shop(root)
    settings = Settings(store=str(tmp_path_factory.mktemp("store")), data_dir=str(data), llm="none")
    store, embedder = open_index(settings)
    build_index(str(root), store, embedder, name="shop", max_file_bytes=settings.max_file_bytes, workers=1)
    examples = []
    for path, symbol, question, answer in ASKED:
        chunk = next(chunk for chunk in store.chunks("shop", path) if chunk.symbol == symbol)
        lines = "\n".join(f"{n}| {line}" for n, line in enumerate(chunk.text.split("\n"), chunk.line_start))
        examples.append(
            Example(
                question=question,
                context=lines,
                answer=f"{answer} [1].",
                repo="shop",
                file_path=path,
                line_start=chunk.line_start,
                line_end=chunk.line_end,
                symbol=symbol,
            )
        )
    store.close()
    folder = data / "learning" / "dataset"
    folder.mkdir(parents=True)
    write_examples(folder / "held_out.jsonl", examples)
    return settings


@pytest.fixture
def examples(shop: Settings) -> list[Example]:
    from ml.training.examples import read_examples

    return read_examples(Path(shop.data_dir) / "learning" / "dataset" / "held_out.jsonl")


def test_the_service_itself_is_measured_and_leaves_no_trace(shop: Settings, examples: list[Example]) -> None:
    report = evaluate_model(shop, examples)
    assert report.model == "evidence"
    found = means(report)
    assert found[CITATION_PRECISION] == found[CITATION_RECALL] == found[RECALL] == found[MRR] == 1.0
    assert found[REFUSAL_ACCURACY] == 1.0
    assert len(report.cases) == 3 + len(absent_questions())
    assert SUPPORTED not in found
    assert not (Path(shop.data_dir) / "audit.jsonl").exists()


def test_the_embedded_llm_is_measured_on_its_own_text(shop: Settings, examples: list[Example]) -> None:
    settings = shop.model_copy(update={"llm": "embedded"})
    report = evaluate_model(settings, [examples[0], examples[2].model_copy(update={"learn": False})])
    assert report.model == "SmolLM2-135M-Instruct"
    (written,) = [case for case in report.cases if SUPPORTED in case.scores]
    assert "total_price" in written.written
    assert written.scores[SUPPORTED] in (0.0, 1.0)
    assert written.scores[REFERENCE_OVERLAP] == overlap(written.written, written.wanted, written.question)


def at_endpoint(shop: Settings, url: str) -> Settings:
    return shop.model_copy(update={"llm": "openai", "llm_url": url, "llm_model": "big", "llm_retries": 0})


def test_a_trusted_llm_is_measured_on_its_answers(shop: Settings, examples: list[Example]) -> None:
    with llm_server(
        says("`total_price` gives `price - discount` [1]."), says("It returns `nonsense_here` [9].")
    ) as llm:
        report = evaluate_model(at_endpoint(shop, llm.url), examples[:2])
    assert report.model == "big"
    assert [case.scores[SUPPORTED] for case in report.cases[:2]] == [1.0, 0.0]
    assert "price - discount" in report.cases[0].written
    assert CITATION_PRECISION in means(report)


def test_an_adapter_at_an_endpoint_is_loaded_under_a_name_of_its_own(
    shop: Settings, examples: list[Example], tmp_path: Path
) -> None:
    adapter = tmp_path / "run" / "adapter"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text("{}")
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    texts = {"big": "`total_price` is nice.", "candidate": "`total_price` gives `price - discount` [1]."}
    with vllm_double(lambda model: texts[model.split("-")[0]]) as url:
        settings = at_endpoint(shop, url).model_copy(
            update={"llm_adapter_dir": str(tmp_path / "shared"), "data_dir": str(tmp_path / "data")}
        )
        measured = measure(settings, examples[:1], tmp_path / "run")
    digest = file_digest(adapter / "adapter_model.safetensors")
    assert measured.base
    assert (measured.base.model, measured.report.model) == ("big", f"candidate-{digest[:12]}")
    assert measured.report.adapter == digest
    assert (measured.base.cases[0].scores[SUPPORTED], measured.report.cases[0].scores[SUPPORTED]) == (0.0, 1.0)
    assert measured.base.cases[0].written.strip() == texts["big"]  # without what the service adds to such an answer
    with pytest.raises(EvaluationError, match="an adapter needs an LLM"):
        measure(shop, examples[:1], tmp_path / "run")


def test_a_failing_llm_aborts_the_evaluation(shop: Settings, examples: list[Example]) -> None:
    with llm_server(refuses(400)) as llm, pytest.raises(EvaluationError, match="the LLM failed"):
        evaluate_model(at_endpoint(shop, llm.url), examples)


def test_an_invalid_adapter_is_rejected(shop: Settings, examples: list[Example], tmp_path: Path) -> None:
    settings = shop.model_copy(update={"llm": "embedded"})
    (tmp_path / "adapter.gguf").write_bytes(b"GGUF and nothing more")
    with pytest.raises(AdapterError):
        evaluate_model(settings, examples, adapter=tmp_path / "adapter.gguf")
    with pytest.raises(EvaluationError, match="is not an adapter"):
        measure(settings, examples, tmp_path)


def test_a_data_set_about_something_else_is_an_error(shop: Settings, examples: list[Example]) -> None:
    strange = [examples[0], examples[1].model_copy(update={"repo": "bank"})]
    with pytest.raises(EvaluationError, match="the index does not contain bank"):
        evaluate_model(shop, strange)
    dead = examples[1].model_copy(update={"line_start": 900, "line_end": 903})
    with pytest.raises(EvaluationError, match=r"does not contain shop/billing/charge.py:900-903 of shop"):
        evaluate_model(shop.model_copy(update={"llm": "embedded"}), [dead])


def put_in_force(settings: Settings, adapter: Path, base: BaseModel, version: int) -> None:
    """Put an adapter in force, as a promotion does."""
    folder = adapters_folder(settings)
    folder.mkdir(parents=True)
    gguf = write_gguf(adapter, base, folder / f"{version}.gguf")
    about = Pointer(version, "run", base.name, base.digest, file_digest(gguf), "s", "{context}", file=gguf.name)
    write_pointer(settings, about)


def test_an_adapter_is_measured_with_its_base_and_the_one_in_force(
    shop: Settings, examples: list[Example], trained: TrainingResult, base: BaseModel, tmp_path: Path
) -> None:
    settings = shop.model_copy(update={"llm": "embedded", "base_model": base.path, "data_dir": str(tmp_path / "data")})
    put_in_force(settings, trained.adapter, base, version=4)
    stages: list[str] = []
    measured = measure(settings, examples[:1], trained.adapter, lambda stage, done, total: stages.append(stage))
    assert list(dict.fromkeys(stages)) == ["base", "adapter", "production"]
    assert measured.base
    assert (measured.base.model, measured.base.adapter) == ("SmolLM2-135M-Instruct", "")
    assert measured.report.model == "SmolLM2-135M-Instruct (adapter candidate)"
    assert measured.report.adapter == file_digest(trained.adapter / "adapter_model.safetensors")
    assert measured.production
    assert measured.production.dataset_digest == measured.report.dataset_digest == measured.base.dataset_digest
    assert measured.production.cases == measured.report.cases  # the same weights write the same
    assert measured.report.cases != measured.base.cases
    assert measured.decision
    assert not measured.decision.passed
    write_reports(measured, tmp_path, tmp_path / "page.html", settings)
    assert read_report(tmp_path / "candidate.json") == measured.report
    assert read_report(tmp_path / "production-4.json") == measured.production
    page = (tmp_path / "page.html").read_text()
    assert "Did not pass the gate" in page
    assert f"held out {trained.held_out_loss_before:.2f} → {trained.held_out_loss_after:.2f}" in page
    # The base alone afterwards: no candidate's report remains that could be promoted.
    write_reports(Measured(measured.base), tmp_path, tmp_path / "page.html", settings)
    assert not (tmp_path / "candidate.json").exists()


@pytest.fixture
def run(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    from ml.settings import get_settings

    for name, value in (("STORE", shop.store), ("DATA_DIR", shop.data_dir), ("LLM", "none")):
        monkeypatch.setenv(f"CODEINTEL_{name}", value)
    get_settings.cache_clear()
    yield lambda *arguments: CliRunner().invoke(cli, ["evaluate", *arguments])
    get_settings.cache_clear()


def test_the_command_writes_both_reports(run: Run, shop: Settings, tmp_path: Path) -> None:
    done = run("--limit", "2", "--json", "--html", str(tmp_path / "page.html"))
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    report = read_report(Path(shop.data_dir) / "learning" / "reports" / "base.json")
    assert printed["dataset_digest"] == report.dataset_digest
    assert printed["metrics"]["refusal_accuracy"]["n"] == 2 + len(absent_questions())
    assert printed["decision"] is printed["against"] is None
    page = (tmp_path / "page.html").read_text()
    assert "What does total_price return?" in page
    assert re.search(r'href="file://[^"]*/shop/orders.py', page)


def test_the_command_uses_a_judge_that_passes(run: Run, shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from ml.settings import get_settings

    with judge_server(by_words) as url:
        monkeypatch.setenv("CODEINTEL_JUDGE_URL", url)
        monkeypatch.setenv("CODEINTEL_JUDGE_MODEL", "words")
        get_settings.cache_clear()
        done = run("--limit", "1")
        assert done.exit_code == 0, done.output
        assert "words may decide: 15 of 16 verdicts right" in done.stdout
        assert re.search(r"contextual recall\s+1\.000", done.stdout)
        without = run("--limit", "1", "--judge", "none", "--json")
    assert json.loads(without.stdout)["judge"] is None
    assert FAITHFULNESS not in json.loads(without.stdout)["metrics"]


def test_the_command_names_what_is_missing(run: Run, tmp_path: Path) -> None:
    missing = run("--dataset", str(tmp_path))
    assert isinstance(missing.exception, DatasetError)
    assert "make it with `codeintel dataset`" in str(missing.exception)
    strange = run("--adapter", str(tmp_path))
    assert isinstance(strange.exception, EvaluationError)
    assert "an adapter needs an LLM" in str(strange.exception)


def test_the_page_shows_everything_and_escapes_it() -> None:
    hostile = ONE.model_copy(update={"question": "What does total_price </style><script>alert(1)</script> return?"})
    report = evaluate([hostile], ask, model="adapter <7>", absent=["a"])
    base = evaluate([hostile], lambda question: REFUSED, model="base", absent=["a"])
    page = render(
        report,
        against=base,
        decision=Decision(False, ("it <fell>",), {}),
        least={SUPPORTED: 0.5},
        losses=Losses([(1, 2.5), (2, 1.25)], 2.57, 0.3),
        link=lambda place: f"vscode://{place}",
    )
    assert "<script" not in page.lower()
    assert "adapter &lt;7&gt;" in page
    assert "it &lt;fell&gt;" in page
    assert "held out 2.57 → 0.30" in page
    assert 'href="vscode://shop:a.py:3-9"' in page
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)
    assert "threshold 0.50" in page


def test_the_page_names_a_failed_judge_and_omits_incomparable_reports() -> None:
    report = evaluate([ONE], ask, model="m", absent=["a"])
    unfit = Report(report.model, report.dataset_digest, report.metrics, JudgeVerdict("tiny", False, "3 of 5 wrong"))
    assert "<strong>may not decide</strong>" in render(unfit)
    other = evaluate([ONE], ask, model="another", absent=["b"])
    assert "another" not in render(report, against=other)
    assert ANSWER_RELEVANCY not in render(report)
