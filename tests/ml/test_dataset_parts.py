"""The parts of building a data set: facts, verbs, sides of the split, twins, links."""

from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from ml.dataset.choose import Twins, held_out_files
from ml.dataset.facts import facts_of, reasons_of
from ml.dataset.history import blame, clean_message, git_folder
from ml.dataset.links import Links
from ml.dataset.wording.draft import Draft
from ml.dataset.wording.templates import templates
from ml.dataset.wording.verbs import third_person, words_of_action
from ml.errors import DatasetError, SourceError
from ml.index import open_index
from ml.index.build import build_index
from ml.index.chunk import Chunk, digest
from ml.index.outline import outline
from ml.index.pinned import Pin
from ml.index.sources import open_source
from ml.settings import Settings
from ml.training.examples import Example
from tests.support.depot import make_depot
from tests.support.git import commit, git, write_files


def chunk_of(text: str, language: str = "python", path: str = "a.py", symbol: str = "do_it", start: int = 11) -> Chunk:
    text = dedent(text).strip("\n")
    end = start + text.count("\n")
    return Chunk("r", "1", path, start, end, language, symbol, "function", text, digest(text.encode()))


def facts(text: str, language: str = "python") -> list[tuple[str, dict[str, str], tuple[int, ...]]]:
    chunk = chunk_of(text, language)
    return [(fact.kind, dict(fact.values), fact.lines) for fact in facts_of(chunk, outline(chunk))]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "python",
            "def do_it(a):\n    if not a:  # nothing\n        raise ValueError(a)\n    return 1",
            ("raises", {"error": "ValueError", "condition": "not a"}, (12, 13)),
        ),
        (
            "python",
            "def do_it(a):\n    if a > 1:\n        return a.half\n    return 1",
            ("returns", {"value": "a.half", "condition": "a > 1"}, (12, 13)),
        ),
        (
            "python",
            "def do_it(a):\n    for name in a.names:\n        x = 1\n        send_name(name)",
            ("loop", {"item": "name", "items": "a.names", "callee": "send_name"}, (12, 14)),
        ),
        (
            "typescript",
            "function doIt(a: number) {\n  if (a < 0) {\n    throw new RangeError('a');\n  }\n}",
            ("raises", {"error": "RangeError", "condition": "a < 0"}, (12, 13)),
        ),
        (
            "javascript",
            "function doIt(a) {\n  if (a === null) return this.fallback;\n  return a;\n}",
            ("returns", {"value": "this.fallback", "condition": "a === null"}, (12,)),
        ),
        (
            "java",
            "int doIt(Box a) {\n  if (a.isEmpty()) {\n    refillBox(a);\n  }\n  return 0;\n}",
            ("calls_when", {"callee": "refillBox", "condition": "a.isEmpty()"}, (12, 13)),
        ),
        (
            "go",
            "func doIt(a *Box) int {\n\tif a == nil {\n\t\treturn emptyBox.size\n\t}\n\treturn 0\n}",
            ("returns", {"value": "emptyBox.size", "condition": "a == nil"}, (12, 13)),
        ),
    ],
)
def test_facts_are_extracted_from_lines(
    language: str, text: str, expected: tuple[str, dict[str, str], tuple[int, ...]]
) -> None:
    assert expected in facts(text, language)


@pytest.mark.parametrize(
    "text",
    [
        "def do_it(a):\n    if a and (\n        b\n    ):\n        raise ValueError(a)",  # a condition over several lines
        "def do_it(a):\n    if a:\n        b = 1\n        raise ValueError(a)",  # not everything that happens
        "def do_it(a):\n    if a:\n        return None",
        "def do_it(a):\n    if a:\n        log_it(b); print(a)",
        'def do_it(a):\n    """If a: raise ValueError(a)."""',
        "def do_it(a):\n    # if a:\n    #     raise ValueError(a)\n    pass",
    ],
)  # fmt: skip
def test_incomplete_lines_yield_no_fact(text: str) -> None:
    assert not [fact for fact in facts(text) if fact[0] in {"raises", "returns"}]


def test_a_reason_is_a_whole_comment_above_a_condition() -> None:
    chunk = chunk_of("""
        def do_it(a):
            # The gateway blocks a card after six attempts,
            # so that the fifth is the last one.
            if a > 5:
                stop(a)
            # TODO: think about what else could be wrong here
            if a < 0:
                stop(a)
    """)
    (reason,) = reasons_of(chunk, outline(chunk))
    assert reason.values["condition"] == "a > 5"
    assert reason.values["comment"].endswith("so that the fifth is the last one")
    assert reason.lines == (12, 14)


@pytest.mark.parametrize(
    ("documentation", "does"),
    [
        (
            "Return the open connections of a pool to their owners.\n\nMore.",
            "returns the open connections of a pool to their owners",
        ),
        ("Flushes what the last writer left behind in memory.", "flushes what the last writer left behind in memory"),
        ("Try again until the server is ready to answer", "tries again until the server is ready to answer"),
        ("Return it.", ""),
        ("Base class for all the things that can be indexed.", ""),
        ("Return `x` for all the things that can be indexed.", ""),
        ("", ""),
    ],
)
def test_a_first_sentence_says_what_a_symbol_does(documentation: str, does: str) -> None:
    assert third_person(documentation) == does


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("parse_retry_header", "parse retry header"),
        ("_closeIdleConnections", "close idle connections"),
        ("parse_header", ""),
        ("header_retry_parser", ""),
        ("get_all_names", ""),
    ],
)
def test_a_name_that_begins_with_a_verb_is_a_question(name: str, words: str) -> None:
    assert words_of_action(name) == words


def test_templates_ask_specifically_and_openly_and_deterministically() -> None:
    values = {"symbol": "read_it", "name": "read_it", "error": "ReadError", "condition": "not path"}
    template = templates()["raises"]
    pointed = template.asked("en", values, seed=7)
    assert len(pointed) == 2
    assert sum("ReadError" in question for question in pointed) == 1
    assert pointed == template.asked("en", dict(reversed(values.items())), seed=7)
    assert len({tuple(template.asked("en", values, seed)) for seed in range(20)}) > 1
    assert template.sentence("ru", values) == "`read_it` бросает `ReadError`, когда выполнено `not path`"


def test_the_version_of_a_released_package_is_found(tmp_path: Path) -> None:
    write_files(tmp_path / "kit", {"kit/a.py": "x = 1\n", "kit-2.4.1.dist-info/METADATA": "Name: kit\n"})
    with open_source(str(tmp_path / "kit")) as source:
        assert source.revision == "2.4.1"
    Pin("kit", str(tmp_path / "kit"), "2.4.1").check()
    with pytest.raises(SourceError, match=r"pinned to 2\.5, but .* is at 2\.4\.1"):
        Pin("kit", str(tmp_path / "kit"), "2.5").check()
    write_files(tmp_path / "kit", {"other-1.0.dist-info/METADATA": "Name: other\n"})
    with open_source(str(tmp_path / "kit")) as source:
        assert source.revision == "tree"


def test_a_file_keeps_its_side_while_others_come_and_go() -> None:
    files = [("r", f"{number}.py") for number in range(200)]
    held = held_out_files(files, 0.3, seed=7)
    assert 40 < len(held) < 80
    assert held_out_files(files[50:], 0.3, seed=7) == held & set(files[50:])
    assert held_out_files(files, 0.3, seed=8) != held
    for count in (2, 3):
        for seed in range(30):
            assert 0 < len(held_out_files(files[:count], 0.3, seed)) < count
    with pytest.raises(DatasetError, match="takes two"):
        held_out_files(files[:1], 0.3, seed=7)


BODY = "def {0}(order, ledger):\n    receipt = send_order(order)\n    ledger.append_receipt(receipt)\n    return total_of(ledger)"


def draft(name: str, question: str, sentence: str, text: str = BODY) -> Draft:
    chunk = chunk_of(text.format(name), path=f"{name}.py", symbol=name)
    return Draft("calls", "en", question, sentence, chunk, (11, 12))


def test_twins_are_recognised() -> None:
    twins = Twins()
    first = draft("charge", "How does `charge` work?", "`charge` calls `send_order` and `total_of`")
    assert twins.reason(first) == ""
    twins.add(first)
    assert twins.reason(replace(first, question="how does  `charge` WORK ?")) == "same question"
    assert twins.reason(replace(first, question="And how does `charge` work?")) == "nearly the same words"
    other = draft("refund", "What happens in `refund`?", "`refund` calls `send_order` and `append_receipt`")
    assert twins.reason(other) == "nearly the same code"
    same = draft(
        "refund", "What happens in `refund`?", "`refund` calls `send_order` and `total_of`", "def {0}(x):\n    other"
    )
    assert twins.reason(same) == "same answer about another symbol"
    assert twins.reason(draft("pay", "Who pays whom?", "`pay` returns `x`", "def {0}(x):\n    return x")) == ""


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("fix(api)!: Close idle connections after a minute (#12)", "Close idle connections after a minute"),
        ("PAY-12: [core] Close idle connections early.", "Close idle connections early"),
        ("Merge branch 'main' into dev", ""),
        ("Bump version to 2.0 again", ""),
        ("wip on the connections pool", ""),
        ("Use `x` for all of them", ""),
        ("Fix it", ""),
    ],
)
def test_only_messages_that_say_something_are_asked_for(message: str, words: str) -> None:
    assert clean_message(message) == words


def test_links_are_looked_up_in_the_index_and_in_git(tmp_path: Path) -> None:
    root = make_depot(tmp_path / "depot")
    store, embedder = open_index(Settings(store=str(tmp_path / "store")))
    build_index(str(root), store, embedder, max_file_bytes=100_000, workers=1)
    (repository,) = store.repositories()
    good = Example(
        question="q", context="c", answer="a", repo="depot", revision=repository.revision, file_path="depot/returns.py",
        line_start=4, line_end=6,
    )  # fmt: skip
    links = Links(store, [repository])
    assert links.reason(good) == ""
    assert links.reason(good.model_copy(update={"revision": "1" * 40})) == "link to another revision"
    for dead in ({"line_end": 900}, {"line_start": 7, "line_end": 6}, {"file_path": "gone.py"}, {"line_start": 0}):
        assert links.reason(good.model_copy(update=dead)) == "link to lines that are not stored"
    # The index claims one revision but contains another's lines.
    commit(root, {"depot/returns.py": "# gone\n"})
    newer = replace(repository, revision=git(root, "rev-parse", "HEAD"))
    moved = good.model_copy(update={"revision": newer.revision})
    assert Links(store, [newer]).reason(moved) == "link to lines that the revision does not have"
    store.close()


def test_git_is_called_only_where_it_can_help(tmp_path: Path) -> None:
    root = make_depot(tmp_path / "depot")
    store, embedder = open_index(Settings(store=str(tmp_path / "store")))
    (root / "new.py").write_text("def new_one(a):\n    return call_it(a)\n")
    build_index(str(root), store, embedder, max_file_bytes=100_000, workers=1)
    (dirty,) = store.repositories()
    assert dirty.revision.endswith("-dirty")
    assert blame(dirty, root, "new.py").messages == {}
    assert (
        len(set(blame(dirty, root, "depot/parcels.py").commits.values())) == 1
    )  # the first commit created everything: its message explains nothing
    assert git_folder(replace(dirty, revision="tree")) is None
    assert git_folder(replace(dirty, source="https://git.example.test/nowhere.git")) is None
    store.close()
