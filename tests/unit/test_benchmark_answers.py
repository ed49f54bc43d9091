"""The measures of answers against small cases judged by hand, and the whole benchmark over a small repository."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.answers import __main__ as command
from benchmarks.answers.absent import AbsentAnswer, ask_absent, table_of_absent
from benchmarks.answers.bearing import Statement, statements, unborne
from benchmarks.answers.measures import Scored, read, score
from benchmarks.answers.pictures import draw
from benchmarks.answers.questions import ABSENT, HELD_OUT, REVISIONS, TUNING, Question, half_of, read_questions
from benchmarks.answers.reading import HEADER, READ, choose, readable, summary
from benchmarks.answers.reference import Repository, names_in_spans, reference_of
from benchmarks.answers.report import shared, tables
from benchmarks.answers.systems import EVIDENCE, LLM, PLAIN, PLAIN_LLM, UNKNOWN, Reply, Seconds
from benchmarks.checkouts import clone
from ml.evaluation.case import Cited
from ml.evaluation.retrieval import Place
from tests.support.git import git, unindented, write_files
from tests.support.llm_server import llm_server, says
from tests.support.shop import FILES

BILLING = "shop/billing/charge.py"
GATEWAY = "shop/billing/gateway.py"
SHOP = Repository(unindented(FILES).items())
AT_ONCE = Seconds(0.1, 0.2, 0.3)


def asked(text: str = "How is an order charged?", reference: str = "", repo: str = "pytest") -> Question:
    return Question(repo, text, reference)


def cited(n: int, path: str, start: int, end: int) -> Cited:
    return Cited(n, Place(path, start, end), "\n".join(SHOP.lines[path][start - 1 : end]))


def lines_of(path: str, text: str) -> int:
    return next(number for number, line in enumerate(SHOP.lines[path], start=1) if text in line)


def missing(answer: str, *citations: Cited) -> list[tuple[str, ...]]:
    return [each.missing for each in unborne(answer, citations, SHOP.names)]


# What a reference names


def test_facts_are_names_in_code_spans_that_stand_in_the_repository_and_not_in_the_question() -> None:
    reference = "`Charger.charge_order` calls `send_request(url, payload)`; `undo_charge` and ledger are not facts; see `shop/billing/charge.py:3`."
    named = reference_of(asked("What does charge_order do?", reference), SHOP)

    assert named.names == {"Charger", "send_request", "url", "payload"}
    assert named.facts == {*named.names, "shop", "billing", "charge", "3"} & SHOP.names
    assert names_in_spans("`if x is None` and\n```python\nfenced = 1\n```\n`self.is_fit`") == {"is_fit"}


def test_files_are_named_by_their_path_or_an_end_of_it_that_fits_one_only() -> None:
    two = Repository({"a/one.py": "x", "b/one.py": "y", "b/other.py": "z"}.items())

    def files(text: str) -> frozenset[str]:
        return reference_of(asked(reference=text), two).files

    assert files("In `other.py`, `a/one.py:3-4` and (c/absent.py).") == {"b/other.py", "a/one.py"}
    assert files("In `one.py`.") == set()
    assert files("In b/one.py; later one.py again.") == {"b/one.py"}


def test_line_ranges_are_in_the_file_that_follows_precedes_or_has_the_names_beside_them() -> None:
    start = lines_of(BILLING, "def charge_order")
    send = lines_of(GATEWAY, "def send_request")

    def ranges(text: str) -> set[tuple[str, int | None, int | None]]:
        found = reference_of(asked(reference=text), SHOP).ranges
        return {(target.path, target.line_start, target.line_end) for target in found}

    assert ranges(f"`charge_order` (lines {start}-{start + 3} in `charge.py`)") == {(BILLING, start, start + 3)}
    assert ranges(f"In `{BILLING}` it is on line {start}, 3 and {start + 2}–{start + 4}.") == {
        (BILLING, start, start),
        (BILLING, 3, 3),
        (BILLING, start + 2, start + 4),
    }
    both = f"`{BILLING}` imports from `{GATEWAY}`.\n"
    assert ranges(f"{both}`charge_order` is at lines {start}-{start + 1}") == {(BILLING, start, start + 1)}
    assert ranges(f"{both}`send_request` is at line {send}") == {(GATEWAY, send, send)}
    assert ranges(f"{both}`wait_before` is at line {send}") == set()
    assert ranges(f"`{BILLING}`, lines 1-9999 and lines 7-3") == set()
    assert ranges("Lines 1-3 of nothing.") == set()


# What an answer's lines bear


def test_an_answer_is_cut_into_sentences_and_items_with_their_marks_and_code() -> None:
    answer = (
        "`a. B` is kept [1]. It calls `c` [2][3].\n\nThe lines [1]:\n\n```python\n1  x = 1\n```\n\n"
        "See also:\n- `d` here [4]\n1. No mark\n"
    )
    assert statements(answer) == [
        Statement("`a. B` is kept.", (1,)),
        Statement("It calls `c`.", (2, 3)),
        Statement("The lines:", (1,), ("1  x = 1",)),
        Statement("See also:", ()),
        Statement("`d` here", (4,)),
        Statement("No mark", ()),
    ]


def test_names_that_do_not_stand_on_the_cited_lines_are_missing() -> None:
    start = lines_of(BILLING, "def charge_order")
    head = cited(1, BILLING, start, start + 1)

    assert missing("`Charger.charge_order` takes an `order` [1].", head) == []
    assert missing("`charge_order` calls `send_request` [1].", head) == [("send_request",)]
    assert missing("It calls send_request and wait_before() [1].", head) == [("send_request", "wait_before")]
    assert missing("It calls send_request [1][2].", head, cited(2, GATEWAY, 8, 12)) == []
    assert missing("`invented_name` does it, as in JavaScript [1].", head) == [("invented_name",)]
    assert missing("`send_request` is not cited at all.", head) == []
    (strict,) = unborne("`Charger.charge_order` takes an `order` [1].", [head], SHOP.names, whole=True)
    assert strict.missing == ("Charger",)


def test_literals_quotations_and_locations_have_to_be_there() -> None:
    limit = lines_of(BILLING, "max_retries = 5")
    lines = cited(1, BILLING, limit - 1, limit)

    assert missing("A comment says: “The gateway blocks a card after six attempts, so” 5 are made [1].", lines) == []
    assert missing("It tries 7 times [1].", lines) == [("7",)]
    assert missing("A comment says: “never blocks a card” [1].", lines) == [("never blocks a card",)]
    assert missing(f"`{BILLING}:{limit}` sets it, at line {limit} [1].", lines) == []
    assert missing(f"`{BILLING}:{limit + 5}` sets it [1].", lines) == [(f"{BILLING}:{limit + 5}",)]
    assert missing(f"`{GATEWAY}` sets it at line 400 [1].", lines) == [(GATEWAY, "line 400")]


def test_code_shown_below_a_statement_has_to_be_on_the_cited_lines() -> None:
    limit = lines_of(BILLING, "max_retries = 5")
    lines = cited(1, BILLING, limit, limit + 3)
    shown = f"The lines [1]:\n\n```python\n{limit}  max_retries = 5\n⋮\n{limit + 9}  %s\n```\n"

    assert missing(shown % "self.gateway_url = …", cited(1, BILLING, limit, limit + 3)) == []
    assert missing(shown % "retry_for_ever()", lines) == [("retry_for_ever()",)]


# Scores


def test_an_answer_is_scored_against_its_reference() -> None:
    start = lines_of(BILLING, "def charge_order")
    question = asked(
        reference=f"`charge_order` (`{BILLING}`, lines {start}-{start + 2}) calls `send_request`.\nIn `{GATEWAY}`, `GatewayError` is raised."
    )
    answer = "It runs `charge_order` [1]. Then all is well.\n\n```python\nraise GatewayError\n```\n"
    scores = score("x", question, Reply(answer, True, (cited(1, BILLING, start, start + 9),), AT_ONCE), SHOP).scores

    assert scores["names"] == pytest.approx(1 / 3)
    assert scores["told"] < scores["names"]  # the paths are facts too, and are not told
    assert scores["shown"] > scores["told"]
    assert (scores["files"], scores["ranges"], scores["lines"]) == (0.5, 1.0, 10)
    assert (scores["uncited"], scores["unborne"], scores["refused"]) == (0.5, 0.0, 0.0)
    assert (scores["words"], scores["evidence"], scores["word"], scores["last"]) == (6, 0.1, 0.2, 0.3)


def test_a_refusal_tells_nothing_and_makes_no_statements() -> None:
    question = asked(reference="`charge_order` calls `send_request`.")
    scores = score("x", question, Reply("I found nothing about this.", False, (), AT_ONCE), SHOP).scores

    assert (scores["refused"], scores["told"], scores["lines"]) == (1.0, 0.0, 0.0)
    assert {"files", "ranges", "uncited", "unborne"} & set(scores) == set()


def test_an_answer_read_from_a_file_scores_the_same() -> None:
    scored = a_scored("one", told="charge_order")
    again = score("one", *read(json.loads(json.dumps(scored.as_dict()))), SHOP)

    assert again == scored


# Questions


def test_every_second_repository_is_held_out_and_the_kinds_come_in_turn(tmp_path: Path) -> None:
    halves = [half_of(repo) for repo in sorted(REVISIONS)]
    assert halves == [TUNING, HELD_OUT] * 6

    texts = ["How is a?", "How is b?", "Why is c?", "Where is d and why?", "Is e?"]
    lines = [json.dumps({"question": text, "answer": ""}) for text in texts]
    (tmp_path / "pytest.jsonl").write_text("\n".join(lines))
    found = [(question.kind, question.text) for question in read_questions(tmp_path, "pytest")]
    assert found == [
        ("where", "Where is d and why?"),
        ("how", "How is a?"),
        ("why", "Why is c?"),
        ("other", "Is e?"),
        ("how", "How is b?"),
    ]


def test_of_a_hundred_questions_about_absent_things_half_are_near_misses() -> None:
    entries = [json.loads(line) for line in ABSENT.read_text(encoding="utf-8").splitlines()]

    assert len({(entry["repo"], entry["question"]) for entry in entries}) == 100
    assert sum(entry["near"] for entry in entries) == 50
    assert {entry["repo"] for entry in entries} <= set(REVISIONS)
    assert {half_of(entry["repo"]) for entry in entries} == {TUNING, HELD_OUT}


def test_what_is_there_after_all_is_not_asked_as_absent(capsys: pytest.CaptureFixture[str]) -> None:
    named = json.loads(ABSENT.read_text(encoding="utf-8").splitlines()[0])
    planted = Repository({"a.py": f"def {named['names'][0].upper()}(): ..."}.items())

    def ask(text: str) -> Reply:
        return Reply(text, "near" in text, (), AT_ONCE)

    answers = ask_absent(named["repo"], planted, {"x": ask})
    assert named["question"] not in [answer.question.text for answer in answers]
    assert f"because {named['names'][0]} is there" in capsys.readouterr().err
    assert [row[0] for row in table_of_absent(answers).rows] == ["x, near misses", "x, others"]
    one = [AbsentAnswer("x", answers[0].question, answered=True, answer="It is there.")]
    assert [row[1:3] for row in table_of_absent(one).rows] == [("1", "100% (100%–100%)")]


def test_a_repository_is_cloned_at_an_abbreviated_revision(tmp_path: Path) -> None:
    origin = write_files(tmp_path / "origin", {"a.txt": "first"})
    git(origin, "init", "--quiet")
    git(origin, "add", ".")
    git(origin, "commit", "--quiet", "-m", "one")
    revision = git(origin, "rev-parse", "--short=7", "HEAD")
    write_files(origin, {"a.txt": "second"})
    git(origin, "commit", "--quiet", "-am", "two")

    clone(origin.as_uri(), revision, tmp_path / "copy")

    assert (tmp_path / "copy" / "a.txt").read_text() == "first"


# Reports


def a_scored(system: str, told: str, question: str = "How is an order charged?", repo: str = "pytest") -> Scored:
    reference = f"`charge_order` in `{BILLING}` calls `send_request`."
    reply = Reply(f"`{told}` [1].", True, (cited(1, BILLING, 1, 3),), AT_ONCE)
    return score(system, asked(question, reference, repo), reply, SHOP)


def test_systems_are_compared_on_the_questions_that_both_answered() -> None:
    scored = [
        a_scored("one", "charge_order"),
        a_scored("one", "charge_order", "Why?"),
        a_scored("two", "ledger"),
        a_scored("one", "charge_order", repo="sphinx"),
    ]
    assert [(each.system, each.question.text) for each in shared(scored)] == [
        ("one", "How is an order charged?"),
        ("two", "How is an order charged?"),
    ]

    printed = {table.title: table for table in tables(scored)}
    assert printed["held out: 2 questions"].header == ("", "one")
    assert printed["held out, asked of all systems: 1 questions"].header == ("", "one", "two")
    rows = printed["held out, asked of all systems: 1 questions"].rows
    told = next(row for row in rows if row[0] == "facts told in prose")
    assert told == ("facts told in prose", "0.20 (0.20–0.20)", "0.00 (0.00–0.00)")
    assert "| how | 2 | 0% (0%–0%) | 0.20 (0.20–0.20) | 0.50 (0.50–0.50) |" in printed["one, by kind"].markdown()
    assert printed["one, by repository"].rows[1][:2] == ("sphinx (tuning)", "1")
    assert "| 1 | +0.200 [+0.200, +0.200] |" in printed["one minus two, per question"].markdown()


def test_answers_are_chosen_of_all_repositories_and_kinds_and_printed_to_be_marked() -> None:
    texts = ("How is it?", "How is that?", "Why is it?")
    scored = [a_scored("one", "send_request", text, repo) for repo in ("pytest", "sphinx") for text in texts]
    chosen = choose([*scored, a_scored("two", "x")], 4)
    assert [(each.question.repo, each.question.text) for each in chosen] == [
        ("pytest", "How is it?"),
        ("pytest", "Why is it?"),
        ("sphinx", "How is it?"),
        ("sphinx", "Why is it?"),
    ]

    printed = readable(scored, 1)
    assert f"[1] {BILLING}:1-3" in printed
    assert f"{HEADER}\n| 1 | pytest | How is it? |  | , {len(chosen[0].unborne)} |  |" in printed


def test_the_published_marks_are_of_thirty_answers_and_known() -> None:
    assert summary(READ.read_text(encoding="utf-8")).startswith("30 answers read: ")
    table = f"{HEADER}\n| 1 | pytest | Why \\| how? | in part | 2, 1 | as it is |\n"
    assert summary(table).startswith("1 answers read: 0 explains, 1 in part,")
    assert summary(table).endswith("2 by hand, 1 by the check")
    with pytest.raises(ValueError, match="unknown marks: so so"):
        summary(table.replace("in part", "so so"))


# The whole benchmark, over the small shop in place of pytest


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    write_files(tmp_path / "checkouts" / "pytest", unindented(FILES))
    question = {
        "question": "How is an order charged when the payment gateway fails?",
        "answer": f"`charge_order` in `{BILLING}` waits by `wait_before`.",
    }
    write_files(tmp_path / "questions", {"pytest.jsonl": json.dumps(question)})
    out = str(tmp_path / "answers.jsonl")
    return [
        *("--questions", str(tmp_path / "questions"), "--checkouts", str(tmp_path / "checkouts")),
        *("--repos", "pytest", "sphinx", "--out", out),
    ]


def run(monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str]) -> list[dict[str, Any]]:
    monkeypatch.setattr(sys, "argv", ["answers", *arguments])
    command.main()
    written = Path(arguments[arguments.index("--out") + 1]).read_text(encoding="utf-8")
    return [json.loads(line) for line in written.splitlines()]


def test_the_assistant_and_plain_rag_answer_in_the_same_run(
    folders: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence, plain = run(monkeypatch, folders)

    said = capsys.readouterr()
    assert "not there (--clone fetches them): sphinx" in said.err
    assert "held out: 1 questions" in said.out
    assert "plain, near misses" in said.out
    assert '"answered": true' in Path(folders[-1]).with_suffix(".absent.jsonl").read_text()
    assert (evidence["system"], plain["system"]) == (EVIDENCE, PLAIN)
    assert (evidence["half"], evidence["kind"]) == (HELD_OUT, "how")
    assert evidence["scores"]["files"] == plain["scores"]["files"] == 1.0
    assert "charge_order" in evidence["reply"]["answer"]
    assert "```\n" in plain["reply"]["answer"]

    before = Path(folders[-1]).rename(Path(folders[-1]).with_name("before.jsonl"))
    (again, _) = run(monkeypatch, [*folders, "--systems", "--beside", str(before)])
    assert (again["system"], again["scores"]) == ("before: evidence", evidence["scores"])
    run(monkeypatch, [*folders, "--systems", "--beside", str(before), "--read", "1"])
    assert HEADER in capsys.readouterr().out


def test_an_llm_writes_in_both_systems_until_its_time_is_spent(
    folders: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with llm_server(says("`charge_order` ", "charges it [1]."), says(f"{UNKNOWN}.")) as server:
        monkeypatch.setenv("CODEINTEL_LLM_URL", server.url)
        monkeypatch.setenv("CODEINTEL_LLM_MODEL", "stand-in")
        answers = run(monkeypatch, [*folders, "--systems", "--llm"])

        assert [(each["system"], each["reply"]["found"]) for each in answers] == [(LLM, True), (PLAIN_LLM, False)]
        assert answers[0]["reply"]["answer"] == "`charge_order` charges it [1]."
        plain = server.requests[1]["messages"][1]["content"]
        assert plain.startswith("[1] shop/")
        assert plain.endswith("How is an order charged when the payment gateway fails?")
        assert [line for line in plain.splitlines() if re.match(r"\[\d\] ", line)] == [
            f"[{each['n']}] {each['place']['path']}:{each['place']['line_start']}-{each['place']['line_end']}"
            for each in answers[1]["reply"]["citations"]
        ]

        assert run(monkeypatch, [*folders, "--systems", "--llm", "--llm-minutes", "-1"]) == []


def test_a_folder_without_questions_says_where_they_are_from(
    folders: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, [*folders, "--questions", "nowhere"])
    assert "no questions at nowhere: take them from SWE-QA-Bench" in capsys.readouterr().err


def test_the_picture_is_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    scored = [a_scored("one", "charge_order"), a_scored("one", "charge_order", "Why?"), a_scored("two", "ledger")]
    draw(scored, tmp_path / "first.svg")
    draw(scored, tmp_path / "second.svg")

    picture = (tmp_path / "first.svg").read_text()
    assert picture == (tmp_path / "second.svg").read_text()
    assert "facts told in prose" in picture
    assert ">two<" not in picture  # it was not asked everything
