"""Data sets built from a real repository with a history, indexed by the real builder, prompted as by the service."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ml.dataset.choose import SAME_CODE, SAME_WORDS
from ml.dataset.make import DatasetReport, Plan, make_dataset
from ml.errors import DatasetError
from ml.index import tokens
from ml.index.chunk import last_name, numbered_lines
from ml.index.store.base import Candidate, Where
from ml.settings import Settings
from ml.training.examples import Example, dataset_digest, read_examples
from rag_service.answer.code.evidence import Numbered
from rag_service.answer.code.stored import line_reader
from rag_service.answer.composed.compose import Composer
from rag_service.answer.generated.support import first_sentence, is_supported
from rag_service.answer.generated.teaching import form_for
from rag_service.answer.question import Asked
from rag_service.retrieve import Hit, open_retriever
from tests.support.depot import MESSAGE, TOKEN, make_depot
from tests.support.git import git, make_repository
from tests.support.indexing import index_folder

CODEINTEL = str(Path(sys.executable).with_name("codeintel"))
SIZE = 60


def make(settings: Settings, output: Path, form: str = "sentence", **plan: Any) -> DatasetReport:
    retriever = open_retriever(settings)
    made = make_dataset(
        retriever.store,
        form_for(retriever, settings, form),
        output,
        Plan(**{"size": SIZE, **plan}),
    )
    retriever.store.close()
    return made


def examples(folder: Path) -> tuple[list[Example], list[Example]]:
    return read_examples(folder / "train.jsonl"), read_examples(folder / "held_out.jsonl")


@pytest.fixture(scope="module")
def depot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_depot(tmp_path_factory.mktemp("sources") / "depot")


@pytest.fixture(scope="module")
def settings(depot: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = Settings(
        store=str(tmp_path_factory.mktemp("store")), data_dir=str(tmp_path_factory.mktemp("data")), llm="none"
    )
    index_folder(made, depot)
    return made


@pytest.fixture(scope="module")
def made(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DatasetReport]:
    output = tmp_path_factory.mktemp("made") / "dataset"
    return output, make(settings, output)


def test_lines_follow_the_schema_and_the_report_counts_them(made: tuple[Path, DatasetReport]) -> None:
    folder, report = made
    schema = json.loads((folder / "schema.json").read_text())
    lines = [(folder / name).read_text().splitlines() for name in ("train.jsonl", "held_out.jsonl")]
    for line in (line for file in lines for line in file):
        jsonschema.validate(json.loads(line), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(lines[0][0]), "surprise": 1}, schema)
    train, held_out = examples(folder)
    assert (report.train, report.held_out) == (len(train), len(held_out)) == tuple(map(len, lines))
    assert all(example.learn for example in train)
    assert report.held_out_learn == sum(example.learn for example in held_out) > 0
    assert report.absent == sum(example.absent for example in held_out) > 0
    assert report.digest == dataset_digest(folder / "train.jsonl", folder / "held_out.jsonl")
    assert report.origins == Counter(example.origin for example in [*train, *held_out])


def test_no_file_and_no_twin_is_on_both_sides(made: tuple[Path, DatasetReport]) -> None:
    train, held_out = examples(made[0])
    assert not {(each.repo, each.file_path) for each in train} & {(each.repo, each.file_path) for each in held_out}
    shown = {line for example in held_out if not example.absent for line in code(example)}
    assert not {line for example in train for line in code(example) if len(line) > 30} & shown
    for one in train:
        for other in held_out:
            assert similarity(f"{one.question} {one.answer}", f"{other.question} {other.answer}") < SAME_WORDS
            assert similarity("\n".join(code(one)), "\n".join(code(other))) < SAME_CODE or other.absent


def code(example: Example) -> list[str]:
    return re.sub(r"^\d+\| ?", "", example.context, flags=re.MULTILINE).split("\n")


def similarity(one: str, other: str) -> float:
    words, others = set(tokens.words(one)), set(tokens.words(other))
    return len(words & others) / len(words | others)


def test_every_link_leads_to_what_the_answer_names(
    made: tuple[Path, DatasetReport], depot: Path, settings: Settings
) -> None:
    revision = git(depot, "rev-parse", "HEAD")
    linked = [example for side in examples(made[0]) for example in side if not example.absent]
    assert len(linked) > SIZE // 2
    for example in linked:
        assert example.revision == revision
        lines = git(depot, "show", f"{revision}:{example.file_path}").split("\n")
        cited = "\n".join(lines[example.line_start - 1 : example.line_end])
        about = {last_name(example.symbol), *re.findall(r"`([^`]+)`", example.question)}
        for quoted in re.findall(r"`([^`]+)`", example.answer):
            assert quoted in cited or last_name(quoted) in about, (example, cited)


def test_the_service_would_keep_every_answer_learnt_from(made: tuple[Path, DatasetReport], settings: Settings) -> None:
    retriever = open_retriever(settings)
    train, held_out = examples(made[0])
    for example in (example for example in [*train, *held_out] if example.learn):
        sentence = first_sentence(f"{example.answer}\n")
        assert f"{sentence} [1]." == example.answer
        chunks = retriever.store.chunks(example.repo, example.file_path)
        chunk = next(each for each in chunks if each.line_start <= example.line_start <= each.line_end)
        numbered = Numbered([Hit(chunk, 0.0, Candidate(chunk, 0, 0, 0))], line_reader(retriever.store))
        composer = Composer(Asked.of(example.question, Where()), numbered, retriever)
        assert composer.leaves_unsaid, example
        assert is_supported(sentence, composer.cited_subject, "", example.question), example
        stored = numbered_lines(chunks)
        for line in example.context.split("\n"):
            number, _, text = line.partition("| ")
            assert line == "…" or stored[int(number.rstrip("|"))] == text or not text
    retriever.store.close()


def test_questions_cover_both_languages_and_many_kinds(made: tuple[Path, DatasetReport]) -> None:
    _, report = made
    assert {"calls", "raises", "returns", "callers", "absent", "commit"} <= set(report.origins)
    assert report.languages["ru"] >= 5
    assert report.languages["en"] > report.languages["ru"]


def test_a_commit_is_asked_for_by_its_message(made: tuple[Path, DatasetReport]) -> None:
    asked = [example for side in examples(made[0]) for example in side if example.origin == "commit"]
    about = [example for example in asked if MESSAGE in example.question]
    assert about
    assert {example.symbol for example in about} == {"check_weight"}


def test_the_same_seed_gives_the_same_bytes_in_another_process(
    made: tuple[Path, DatasetReport], settings: Settings, tmp_path: Path
) -> None:
    command = [CODEINTEL, "dataset", "--store", settings.store, "--size", str(SIZE), "--json", "--form", "sentence"]
    environment = os.environ | {
        "PYTHONHASHSEED": "77",
        "CODEINTEL_DATA_DIR": settings.data_dir,
        "CODEINTEL_LLM": "none",
    }
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "again")], env=environment, capture_output=True, text=True, check=True
    )
    folder, report = made
    assert json.loads(done.stdout) == {**json.loads(json.dumps(report.as_dict())), "output": str(tmp_path / "again")}
    for name in ("train.jsonl", "held_out.jsonl", "card.md", "schema.json"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert make(settings, tmp_path / "other", seed=8).digest != report.digest


def test_no_secret_gets_in(made: tuple[Path, DatasetReport]) -> None:
    folder, report = made
    for file in folder.iterdir():
        assert TOKEN not in file.read_text()
    assert sum(report.redacted.values()) > 0


def test_the_card_describes_the_data_set(made: tuple[Path, DatasetReport], depot: Path) -> None:
    folder, report = made
    card = (folder / "card.md").read_text()
    assert report.digest in card
    assert git(depot, "rev-parse", "HEAD") in card
    assert f"{report.train} pairs to learn from" in card
    assert all(f"| {origin} | {count} |" in card for origin, count in report.origins.items())
    assert all(f"| {reason} | {count} |" in card for reason, count in report.dropped.items())
    assert str(depot) not in card


def test_absent_things_are_absent(made: tuple[Path, DatasetReport], settings: Settings, tmp_path: Path) -> None:
    _, held_out = examples(made[0])
    absent = [example for example in held_out if example.absent]
    assert all(not example.file_path and not example.learn for example in absent)
    # What a repository does have is not asked for as absent: here every topic but one exists.
    everything = " ".join(sorted({word for example in absent for word in tokens.words(example.question)}))
    having = Settings(store=str(tmp_path / "store"), data_dir=str(tmp_path / "data"), llm="none")
    index_folder(having, make_depot(tmp_path / "depot"))
    index_folder(having, make_repository(tmp_path / "more", {"more.py": f'TEXT = """{everything}"""\n'}))
    make(having, tmp_path / "dataset", repos=("depot", "more"))
    again = {example.question for example in examples(tmp_path / "dataset")[1] if example.absent}
    assert not again & {example.question for example in absent}


def test_evidence_stays_on_its_side_of_the_split(settings: Settings, tmp_path: Path) -> None:
    report = make(settings, tmp_path / "dataset", form="evidence")
    train, held_out = examples(tmp_path / "dataset")
    own = [{example.file_path for example in side if not example.absent} for side in (train, held_out)]
    assert report.languages["ru"] > 5
    assert any(not example.question.isascii() for example in train)
    for example in [*train, *(each for each in held_out if not each.absent)]:
        other = own[example in train]
        files = set(re.findall(r'place="([^:]+):', example.context))
        assert example.file_path in files
        assert not files & other
        n, start, end = map(int, re.findall(r"\[(\d+):(\d+)-(\d+)\]\.$", example.answer)[0])
        assert (start, end) == (example.line_start, example.line_end)
        block = example.context.split(f'<evidence n="{n}"')[1].split("</evidence>")[0]
        assert f'place="{example.file_path}:' in block
        assert all(f"\n{number}| " in block for number in (start, end))


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ({"size": 3}, "too small"),
        ({"repos": ("nowhere",)}, "no repository 'nowhere' is indexed"),
        ({"by_hand": Path("/nowhere.jsonl")}, "can't be read"),
    ],
)
def test_an_impossible_plan_is_an_error_with_a_reason(
    settings: Settings, tmp_path: Path, plan: dict[str, Any], reason: str
) -> None:
    with pytest.raises(DatasetError, match=reason):
        make(settings, tmp_path / "dataset", **plan)
    assert not (tmp_path / "dataset").exists()


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a.py": "x = 1\n"}, r"0 indexed files, but holding one out takes two"),
        ({"a.py": "def go_on(a, b):\n    start_up(a)\n    shut_down(b)\n"}, r"1 indexed files, but holding one out takes two"),
        (
            {f"{n}.py": f'def tell_{n}_story(a):\n    """Sends the story of the number {n} to whom it may concern."""\n    return a\n'
             for n in ("one", "two", "red", "blue", "green")},
            "too few sentences",
        ),
    ],
)  # fmt: skip
def test_too_little_code_for_a_data_set(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    poor = Settings(store=str(tmp_path / "store"), data_dir=str(tmp_path / "data"), llm="none")
    index_folder(poor, make_repository(tmp_path / "poor", files))
    with pytest.raises(DatasetError, match=reason):
        make(poor, tmp_path / "dataset")


def test_an_empty_index_and_a_bad_option_are_one_line_errors(tmp_path: Path) -> None:
    environment = os.environ | {"CODEINTEL_DATA_DIR": str(tmp_path), "CODEINTEL_STORE": str(tmp_path / "none")}
    for arguments, reason in (
        ((), "nothing is indexed"),
        (("--size", "2"), "too small"),
        (("nowhere",), "there is no"),
    ):
        done = subprocess.run(
            [CODEINTEL, "dataset", *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode != 0
        assert reason in done.stderr
        assert done.stderr.count("\n") == 1
