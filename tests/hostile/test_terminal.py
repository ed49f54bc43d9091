"""No text from outside reaches the terminal raw: not from code, names, models, servers, git or arguments."""

import ast
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import click
import pytest

import rag_service.cli
from ml.errors import PipelineError
from ml.settings import Settings
from ml.visible import HIDDEN, json_text, visible
from rag_service.cli import cli, progress, terminal
from tests.hostile.screen import ATTACK, FORGED, Screen, run
from tests.support.git import git
from tests.support.indexing import index_folder
from tests.support.llm_server import llm_server, says

CODEINTEL = str(Path(sys.executable).with_name("codeintel"))
CODE = f'''def charge_card(order):
    """Charge the card of an order. {ATTACK}"""
    # {ATTACK}
    return "{ATTACK}"
'''
WHERE = pytest.mark.parametrize("on_terminal", [True, False], ids=["terminal", "pipe"])
Show = Callable[..., Screen]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return settings for an index of code, paths and a folder that attack the terminal."""
    folder = tmp_path_factory.mktemp("hostile")
    made = Settings(store=str(folder / "store"), data_dir=str(folder / "data"), llm="none")
    code = folder / f"shop[/red]{ATTACK.replace('/', '')[:60]}"
    code.mkdir(parents=True)
    (code / "charge\x1b]0;owned\x07\u202e[red].py").write_text(CODE, encoding="utf-8")
    index_folder(made, code, "shop")
    return made


@pytest.fixture
def show(indexed: Settings, monkeypatch: pytest.MonkeyPatch) -> Show:
    """Return a function that runs a command over that index."""
    for name, value in {"STORE": indexed.store, "DATA_DIR": indexed.data_dir, "LLM": "none", "WORKERS": "1"}.items():
        monkeypatch.setenv(f"CODEINTEL_{name}", value)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def shown(*arguments: str, on_terminal: bool = True) -> Screen:
        return run(monkeypatch, list(arguments), on_terminal=on_terminal)

    return shown


ORDINARY = {
    "plain": 'for (int i = 0; i < n; i++) { printf("%d\\n", i); }\t// ok',
    "Russian": "# цена: 5 ₽ — «скидка» №7",
    "line endings": "one\ttwo\n\nthree",
    "emoji": "👩\u200d💻 ❤\ufe0f 🏴 👍🏽 1\ufe0f\u20e3 ☠\ufe0e",
    "Persian": "می\u200cخواهم",
    "Hindi": "क्\u200dष",
    "box": "└── src │ ✓ → … 日本語 한국어 é e\u0301",
}


@pytest.mark.parametrize("text", ORDINARY.values(), ids=ORDINARY)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text
    assert visible(text.replace("\n", "\r\n")) == text
    assert json.loads(json_text(text)) == text


DECEITS = {
    "a\x1b[2Jb": "a<U+001B>[2Jb",
    "\x9b31m": "<U+009B>31m",
    "over\rwritten": "over<U+000D>written",
    "if (is\u202eAdmin\u2066)": "if (is<U+202E>Admin<U+2066>)",
    "pay\u200bload": "pay<U+200B>load",
    "pay\u200dload": "pay<U+200D>load",
    "x\ufe0f": "x<U+FE0F>",
    "👍\U000e0041": "👍<U+E0041>",
    "\udcff\ud800": "<0xFF><U+D800>",
    "\x00": "<U+0000>",
}


@pytest.mark.parametrize(("text", "shown"), DECEITS.items(), ids=ascii)
def test_a_deceptive_character_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert HIDDEN.search(json_text({text: text})) is None
    assert json.loads(json_text({text: text})) == {text: text}


COMMANDS = {
    "repos": ["repos"],
    "repos, JSON": ["repos", "--json"],
    "search": ["search", "charge_card"],
    "search, JSON": ["search", "charge_card", "--json"],
    "search, many": ["search", "--queries", "{queries}"],
    "search, bad line": ["search", "--queries", "{bad_queries}"],
    "ask": ["ask", "What does charge_card do?"],
    "ask, JSON": ["ask", "What does charge_card do?", "--json"],
    "ask, in a folder": ["ask", "What does charge_card do?", "--in", "{folder}"],
    "ask, kept chat": ["ask", "why?", "--chat", ATTACK],
    "chats list": ["chats", "list", ATTACK],
    "chats show": ["chats", "show", ATTACK],
    "chats rename": ["chats", "rename", ATTACK, ATTACK],
    "chats delete": ["chats", "delete", ATTACK],
    "chats export": ["chats", "export", ATTACK, "--output", "{folder}"],
    "index": ["index", "{folder}"],
    "index, JSON": ["index", "{folder}", "--json"],
    "index, name": ["index", "{folder}", "--name", ATTACK],
    "index, git's words": ["index", "{git}", "--revision", ATTACK],
    "index, URL": ["index", f"file:///{ATTACK}"],
    "index, pins": ["index", "--pinned", "{pins}"],
    "remove": ["remove", "shop", ATTACK],
    "doctor": ["doctor"],
    "doctor, JSON": ["doctor", "--json"],
    "dataset": ["dataset", "--by-hand", "{bad_queries}"],
    "train": ["train", "--epochs", ATTACK],
    "evaluate": ["evaluate", "--dataset", f"/nowhere/{ATTACK}"],
    "promote": ["promote", f"/nowhere/{ATTACK}"],
    "drift": ["drift", "--dataset", f"/nowhere/{ATTACK}"],
    "pipeline run": ["pipeline", "run", "--pinned", "{pins}", ATTACK],
    "pipeline compile": ["pipeline", "compile", "{queries}"],
    "serve": ["serve", "--host", ATTACK],
    "mcp": ["mcp", "--port", ATTACK],
    "completion": ["completion", ATTACK],
    "model list": ["model", "list"],
    "model pull": ["model", "pull", ATTACK],
    "model pull, origin": ["model", "pull", "smollm2-135m", "--from", f"/nowhere/{ATTACK}"],
    "model use": ["model", "use", ATTACK],
    "model remove": ["model", "remove", ATTACK],
}


@WHERE
@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_no_command_prints_its_input_raw(
    arguments: list[str], show: Show, tmp_path: Path, *, on_terminal: bool
) -> None:
    files = _files(tmp_path)
    shown = show(*(argument.format(**files) for argument in arguments), on_terminal=on_terminal)
    assert shown.text
    assert shown.attacks() == []
    assert "Traceback" not in shown.text
    assert on_terminal or "\x1b" not in shown.text


def _files(folder: Path) -> dict[str, str]:
    """Return a value for each argument of the commands, after writing the files that they name."""
    code = folder / "x[/red]y\x1b]0;owned\x07\u202e"
    code.mkdir(parents=True)
    (code / "charge.py").write_text(CODE, encoding="utf-8")
    (folder / "git").mkdir()
    git(folder / "git", "init", "--quiet")
    files = {
        "queries": json.dumps({"id": ATTACK, "query": "charge_card"}),
        "bad_queries\x1b[2J\u202e": f'{{"id": 1, "{ATTACK}": 2}}',
        "pins": f'[[repositories]]\nname = {json.dumps(ATTACK)}\nsource = "/nowhere"\n',
    }
    for name, text in files.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")
    named = {name.partition("\x1b")[0]: str(folder / name) for name in files}
    return named | {"folder": str(code), "git": str(folder / "git")}


def leaves(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield the name of every command that does something."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from leaves(inner, f"{path} {name}".strip())
    else:
        yield path, command


def test_every_command_is_tried() -> None:
    tried = {name.partition(",")[0] for name in COMMANDS}
    assert {name for name, _ in leaves(cli)} == tried


@WHERE
@pytest.mark.parametrize("name", [name for name, _ in leaves(cli)])
def test_an_unknown_option_is_printed_safely(name: str, show: Show, *, on_terminal: bool) -> None:
    shown = show(*name.split(), f"--{ATTACK}", on_terminal=on_terminal)
    assert shown.code == 2
    assert shown.attacks() == []


@WHERE
def test_a_model_writes_no_escapes(show: Show, monkeypatch: pytest.MonkeyPatch, *, on_terminal: bool) -> None:
    monkeypatch.setenv("CODEINTEL_LLM", "openai")
    monkeypatch.setenv("CODEINTEL_LLM_MODEL", f"model{ATTACK}")
    fenced = f"It charges {ATTACK} **{ATTACK}** `{ATTACK}` [1].\n\n```python\nx = '{ATTACK}'\r1\n```\n"
    with llm_server(says(*(fenced[at : at + 7] for at in range(0, len(fenced), 7)))) as server:
        monkeypatch.setenv("CODEINTEL_LLM_URL", server.url)
        shown = show("ask", "What does charge_card do?", on_terminal=on_terminal)
        assert server.requests
    assert shown.attacks() == []


def _refuse(handler: BaseHTTPRequestHandler) -> None:
    body = json.dumps({"error": {"message": ATTACK}, "status": {"error": ATTACK}}, ensure_ascii=False).encode()
    handler.send_response(400, "Bad\x1b[2J")
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@WHERE
def test_a_servers_error_writes_no_escapes(show: Show, monkeypatch: pytest.MonkeyPatch, *, on_terminal: bool) -> None:
    with llm_server(_refuse) as server:
        monkeypatch.setenv("CODEINTEL_LLM", "openai")
        monkeypatch.setenv("CODEINTEL_LLM_MODEL", "m")
        monkeypatch.setenv("CODEINTEL_LLM_URL", server.url)
        assert show("ask", "What does charge_card do?", on_terminal=on_terminal).attacks() == []
        monkeypatch.setenv("CODEINTEL_EMBEDDER", "openai")
        monkeypatch.setenv("CODEINTEL_EMBEDDER_URL", server.url)
        monkeypatch.setenv("CODEINTEL_EMBEDDER_MODEL", "m")
        shown = show("search", "charge_card", on_terminal=on_terminal)
        assert (shown.code, shown.attacks()) == (1, [])


@WHERE
def test_settings_are_printed_safely(
    show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, on_terminal: bool
) -> None:
    file = tmp_path / "codeintel.toml"
    file.write_text(f"{json.dumps(ATTACK, ensure_ascii=True).replace(chr(92) + 'ud', 'ud')} = 1\n", encoding="utf-8")
    monkeypatch.setenv("CODEINTEL_CONFIG", str(file))
    shown = show("doctor", on_terminal=on_terminal)
    assert (shown.code, shown.attacks()) == (2, [])


@pytest.mark.parametrize("variable", [("TERM", "dumb"), ("NO_COLOR", "1")], ids=lambda pair: pair[0])
def test_a_terminal_without_colours_gets_no_colours(
    show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: tuple[str, str]
) -> None:
    monkeypatch.setenv(*variable)
    files = _files(tmp_path)
    for arguments in (["search", "charge_card"], ["ask", "What does charge_card do?"], ["index", "{folder}"]):
        assert "\x1b" not in show(*(argument.format(**files) for argument in arguments)).text


def test_a_visible_escape_stands_out(show: Show) -> None:
    assert "\x1b[7m<U+202E>\x1b[27m" in show("search", "charge_card").text
    assert "<U+202E>txt.exe" in show("search", "charge_card", on_terminal=False).text


def test_progress_prints_names_safely(monkeypatch: pytest.MonkeyPatch, show: Show) -> None:
    @cli.command("stage", hidden=True)
    def stage() -> None:
        with progress.status() as status, progress.bar(f"[/red]{ATTACK}") as draw:
            status(f"[/red]{ATTACK}")
            if draw:
                draw(f"[/bold]{ATTACK}", 1, 2, f"[/]{ATTACK}")
        raise PipelineError(f"a stage said {ATTACK}", f"read {ATTACK}")

    monkeypatch.setitem(cli.commands, "stage", stage)
    shown = show("stage")
    assert shown.attacks() == []
    assert "[/red]" in shown.text
    assert "Traceback" not in shown.text


def test_an_unexpected_failure_is_printed_safely(capsys: pytest.CaptureFixture[str]) -> None:
    error = ValueError(ATTACK)
    terminal._show_failure(ValueError, error, None)
    assert HIDDEN.search(capsys.readouterr().err) is None


BYTES = [
    ["search", "x", "--repo", "\udcff"],
    ["search", "\udc9b31m"],
    ["ask", "\udcff"],
    ["remove", "\udcff"],
    ["search", "x", "--store=\udcff"],
    ["index", "\udcff"],
    ["train", "--dataset", "\udcff"],
    ["\udcff"],
]


@pytest.mark.parametrize("arguments", BYTES, ids=ascii)
def test_bytes_that_are_not_text_are_a_one_line_error(show: Show, arguments: list[str]) -> None:
    shown = show(*arguments, on_terminal=False)
    assert (shown.code, shown.text.count("\n"), shown.attacks()) == (2, 1, [])
    assert "is not UTF-8" in shown.text


def test_a_folder_whose_name_is_not_text_is_rejected(
    show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    folder.mkdir()
    monkeypatch.chdir(folder)
    shown = show("index", ".", on_terminal=False)
    assert (shown.code, shown.text.count("\n")) == (1, 1)
    assert "<0xFF>" in shown.text


QUERIES = {"half a pair": '{"id": 1, "query": "\\ud800"}', "deep": "[" * 100_000, "bytes": "\udcff"}


@pytest.mark.parametrize("line", QUERIES.values(), ids=QUERIES)
def test_an_invalid_query_is_a_one_line_error(show: Show, tmp_path: Path, line: str) -> None:
    (tmp_path / "q.jsonl").write_bytes(os.fsencode(line))
    shown = show("search", "--queries", str(tmp_path / "q.jsonl"), on_terminal=False)
    assert (shown.code, shown.text.count("\n")) == (2, 1)
    assert "line 1" in shown.text


def processes(indexed: Settings, command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"CODEINTEL_STORE": indexed.store, "CODEINTEL_DATA_DIR": indexed.data_dir}
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment, timeout=60)


def test_a_closed_pipe_is_not_an_error(indexed: Settings) -> None:
    done = processes(indexed, f"{CODEINTEL} ask 'What does charge_card do?' --llm none | head -1")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_a_full_output_is_a_one_line_error(indexed: Settings) -> None:
    done = processes(indexed, f"{CODEINTEL} repos > /dev/full")
    assert done.returncode == 1
    assert done.stderr == "error: the output cannot be written: No space left on device\n"


def test_closed_outputs_are_not_an_error(indexed: Settings) -> None:
    assert processes(indexed, f"{CODEINTEL} repos >&-").stderr == ""
    assert processes(indexed, f"{CODEINTEL} repos 2>&-").returncode == 0


def test_ctrl_c_prints_one_line(indexed: Settings, tmp_path: Path) -> None:
    hanging = tmp_path / "queries"
    os.mkfifo(hanging)
    arguments = [CODEINTEL, "search", "--queries", str(hanging), "--store", indexed.store]
    with subprocess.Popen(
        arguments,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # ignored where a shell runs tests with `&`
    ) as process:
        with hanging.open("w") as writer:  # by now it reads
            writer.write('{"id": 1, "query": "charge_card"}\n')
            writer.flush()
            assert process.stdout
            assert process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
        assert process.stderr
        assert process.stderr.read().split("\n") == ["", "error: stopped", ""]  # the first ends the line with "^C"


PRINTING = {"echo", "secho", "print", "Console", "style", "stdout", "stderr", "write"}


def test_only_terminal_py_prints() -> None:
    """Commands print through terminal.py, so that the tests above hold for new commands too."""
    folder = Path(rag_service.cli.__path__[0])
    found = [
        f"{file.name}: {ast.unparse(node)}"
        for file in sorted(folder.glob("*.py"))
        if file.name not in ("terminal.py", "progress.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if _prints(node)
    ]
    assert found == []


def _prints(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in ("print", "Console")
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return (node.value.id in ("click", "sys")) and node.attr in PRINTING
    return False


def test_the_attack_is_detected() -> None:
    """The characters that the tests search for are those that a terminal would obey."""
    assert Screen(ATTACK, 0).attacks()[-1] == FORGED
