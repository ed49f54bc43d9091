"""The command line as users run it: whole processes over a real index of the installed fastapi."""

import json
import os
import pty
import socket
import subprocess
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from rag_service.answer.scope import Scope, Searched
from rag_service.cli.ask import describe_scope
from tests.support.git import commit, git, make_repository, write_files

CODEINTEL = str(Path(sys.executable).with_name("codeintel"))
COMMANDS = ("index", "search", "ask", "serve", "mcp", "repos", "remove", "dataset", "doctor", "completion")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CODEINTEL, *arguments], capture_output=True, text=True, env=os.environ | environment, timeout=120
    )


def run_json(*arguments: str, **environment: str) -> Any:
    done = run(*arguments, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def fails(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: ")
    assert all(word in done.stderr for word in words), done.stderr


def package(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("cli") / "store")
    done = run("index", str(package("fastapi")), "--store", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEINTEL_DATA_DIR", str(tmp_path / "data"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    done = run(command, "--help")

    assert done.returncode == 0
    assert f"codeintel {command}" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    heavy = {"numpy", "pydantic", "rich", "langchain_core", "fastapi", "mcp", "tree_sitter", "qdrant_edge", "xllamacpp"}
    code = f"import sys, rag_service.cli; print(*{heavy!r} & set(sys.modules))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert loaded.split() == []


def test_search_without_a_model_imports_no_framework(store: str) -> None:
    code = (
        "import sys; from rag_service.cli import main; sys.argv = ['codeintel', 'search', 'APIRouter', '--store', sys.argv[1]]\n"
        "main(); print('LOADED', *{'langchain_core', 'fastapi', 'mcp', 'openai', 'xllamacpp', 'detect_secrets'} & set(sys.modules))"
    )

    output = subprocess.run([sys.executable, "-c", code, store], capture_output=True, text=True, check=True).stdout

    assert output.splitlines()[-1].split() == ["LOADED"]


def test_index_reports_what_it_did(store: str) -> None:
    [report] = run_json("index", str(package("fastapi")), "--store", store, "--json")

    assert report["repository"] == "fastapi"
    assert (report["changed"], report["embedded"]) == (0, 0)
    assert report["chunks"] > report["files"] > 30


def test_search_prints_the_contract(store: str) -> None:
    hits = run_json("search", "APIRouter", "--limit", "3", "--store", store, "--json")

    assert len(hits) == 3
    assert set(hits[0]) == {"repo", "file_path", "line_start", "line_end", "symbol", "score", "text"}
    assert (hits[0]["file_path"], hits[0]["symbol"].split(".")[0]) == ("routing.py", "APIRouter")
    lines = (package("fastapi") / hits[0]["file_path"]).read_text().split("\n")
    assert hits[0]["text"] == "\n".join(lines[hits[0]["line_start"] - 1 : hits[0]["line_end"]])


def test_many_queries_print_one_line_each(store: str, tmp_path: Path) -> None:
    file = tmp_path / "queries.jsonl"
    file.write_text('{"id": "a", "query": "websocket"}\n\n{"id": 2, "query": "кто проверяет OAuth2 токен"}\n')

    done = run("search", "--queries", str(file), "--limit", "2", "--store", store)

    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == ["a", 2]
    assert [len(answer["results"]) for answer in answers] == [2, 2]


def test_filters_narrow_the_search(store: str) -> None:
    hits = run_json("search", "token", "--path", "security/**", "--repo", "fastapi", "--store", store, "--json")

    assert hits
    assert all(hit["file_path"].startswith("security/") for hit in hits)


def test_ask_prints_the_contract(store: str) -> None:
    answer = run_json("ask", "How is a dependency resolved?", "--llm", "none", "--store", store, "--json")

    assert {"answer", "citations", "model", "timings"} <= set(answer)
    assert answer["citations"]
    for citation in answer["citations"]:
        lines = (package("fastapi") / citation["file_path"]).read_text().split("\n")
        assert citation["quote"] == "\n".join(lines[citation["line_start"] - 1 : citation["line_end"]])
        assert f"[{citation['n']}]" in answer["answer"]


def test_ask_in_a_folder_indexes_it_first(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "retry.py").write_text(
        'MAX_RETRIES = 5\n\n\ndef retry(call):\n    """Calls until it succeeds."""\n'
    )

    done = run(
        "ask",
        "where is retry defined?",
        "--in",
        str(tmp_path / "shop"),
        "--llm",
        "none",
        "--store",
        str(tmp_path / "s"),
    )

    assert done.returncode == 0, done.stderr
    assert "retry.py:" in done.stdout


def test_a_pipe_gets_no_colours_and_a_terminal_gets_links(store: str) -> None:
    arguments = ["search", "APIRouter", "--limit", "1", "--store", store]
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [CODEINTEL, *arguments], stdout=terminal, env=os.environ | {"TERM": "xterm-256color"}
    ) as process:
        process.wait(60)
    os.close(terminal)
    shown = os.read(controller, 65_536).decode()

    assert "\x1b[" not in run(*arguments).stdout
    assert "\x1b[" in shown
    assert f"\x1b]8;;file://{socket.gethostname()}{package('fastapi')}/routing.py" in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_codeintel(shell: str) -> None:
    assert "_CODEINTEL_COMPLETE" in run("completion", shell).stdout


def test_completion_completes() -> None:
    done = run(_CODEINTEL_COMPLETE="bash_complete", COMP_WORDS="codeintel se", COMP_CWORD="1")

    assert done.stdout.split() == ["plain,search", "plain,serve"]


def test_doctor_masks_secrets_and_names_the_cure(tmp_path: Path) -> None:
    report = run_json("doctor", "--store", str(tmp_path / "none"), "--json", CODEINTEL_API_KEY="hush-hush")

    assert "hush" not in json.dumps(report)
    assert {"name": "store", "state": "note"}.items() <= next(
        c for c in report["checks"] if c["name"] == "store"
    ).items()


def test_repos_and_remove(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "a.py").write_text("x = 1\n")
    run("index", str(tmp_path / "shop"), "--store", store)

    assert [repo["name"] for repo in run_json("repos", "--store", store, "--json")] == ["shop"]
    fails(run("remove", "shoop", "--store", store), "'shoop'", "shop")
    assert run("remove", "shop", "--store", store).stdout == "removed shop\n"
    assert run_json("repos", "--store", store, "--json") == []


def test_repos_names_what_was_left_out(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    files: dict[str, str | bytes] = {
        "shop/a.py": "x = 1\n",
        "shop/vendor/retry/policy.go": "package retry\n",
        "shop/logo.png": b"\0\1",
    }
    write_files(tmp_path, files)
    run("index", str(tmp_path / "shop"), "--store", store)

    listed = run("repos", "--store", store, "--skipped").stdout.splitlines()
    assert "  vendored      vendor/" in listed
    assert "  binary        logo.png" in listed
    (about,) = run_json("repos", "--store", store, "--skipped", "--json")
    assert about["left_out"] == {"vendored": ["vendor/"], "binary": ["logo.png"]}


def test_ask_says_what_was_searched_and_how_far_behind_it_is(tmp_path: Path) -> None:
    store, shop = str(tmp_path / "store"), tmp_path / "shop"
    make_repository(
        shop, {"retry.py": "def retry_charge(n: int) -> int:\n    return n + 1\n", "retry.min.js": "x;" * 2_000}
    )
    make_repository(tmp_path / "other", {"b.py": "y = 2\n"})
    run("index", str(shop), str(tmp_path / "other"), "--store", store)
    commit(shop, {"c.py": "z = 3\n"})
    commit(shop, {"d.py": "z = 4\n"})

    asked = ("ask", "what does retry_charge in retry.min.js do?", "--repo", "shop", "--llm", "none")
    told = run(*asked, "--store", store).stdout.splitlines()
    assert f"shop {git(shop, 'rev-parse', 'HEAD~2')[:12]}, indexed just now; HEAD is 2 commits ahead" in told
    assert "not searched, because of the filter: other" in told
    assert "not indexed: retry.min.js in shop (minified)" in told


@pytest.mark.parametrize(
    ("more", "said"), [(1, "and 1 more repository searched"), (2, "and 2 more repositories searched")]
)
def test_ask_counts_the_repositories_that_it_does_not_name(more: int, said: str) -> None:
    shop = Searched("shop", "1.0", datetime.now(UTC).isoformat())

    assert list(describe_scope(Scope(repositories=1 + more, searched=[shop]))) == ["shop 1.0, indexed just now", said]


def test_bad_input_is_one_line_with_a_cure(store: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    fails(run("index", str(tmp_path / "empty"), "--store", str(tmp_path / "s")), "no files to index")
    fails(run("index", str(tmp_path / "absent"), "--store", str(tmp_path / "s")), "absent")
    fails(run("search", "x", "--store", str(tmp_path / "nothing")), "codeintel index")
    fails(run("ask", "why? " * 20_000, "--store", store), "100,000", "4,000")
    fails(run("ask", "   ", "--store", store), "question")
    fails(run("search", "--store", store), "QUERY")
    fails(run("search", "x", "--no-such"), "--no-such", "search --help")
    fails(run("search", "x", "--store", store, CODEINTEL_PORT="many"), "port")


def test_a_bad_line_of_queries_names_its_number(store: str, tmp_path: Path) -> None:
    file = tmp_path / "queries.jsonl"
    file.write_text('{"id": 1, "query": "x"}\n{"id": 2}\n')

    done = run("search", "--queries", str(file), "--store", store)

    fails(done, "line 2")
    assert json.loads(done.stdout)["id"] == 1


def test_a_port_in_use_is_named(store: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        fails(run("serve", "--port", port, "--store", store), port, "--port")
        fails(run("mcp", "--http", "--port", port, "--store", store), port, "--port")


def test_a_closed_pipe_is_quiet(store: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{CODEINTEL} search APIRouter -n 200 --json --store {store} | head -c 10"],
        capture_output=True,
        text=True,
    )

    assert done.stderr == ""
