"""No command calls another machine: each runs where every attempt is recorded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODEINTEL = str(Path(sys.executable).with_name("codeintel"))
# Record what Python connects to or resolves in every process; native code runs without any network.
HOOK = """
import os, sys
def note(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        with open(os.environ["EGRESS_LOG"], "a") as log:
            log.write(event + " " + repr(arguments[1:] if event.startswith("socket.c") else arguments) + "\\n")
sys.addaudithook(note)
"""
CODE = 'def retry_policy(attempts: int) -> int:\n    """Say how often a call is tried again."""\n    return attempts\n'
COMMANDS = [
    ["index", "{tree}"],
    ["search", "retry policy"],
    ["ask", "--json", "where is the retry policy set?"],
    ["doctor"],
    ["model", "list"],
]
LOCAL = ("127.0.0.1", "::1", "localhost", "/")


def test_no_command_calls_another_machine(tmp_path: Path) -> None:
    tree, hooks, log = tmp_path / "tree", tmp_path / "hooks", tmp_path / "calls"
    tree.mkdir()
    hooks.mkdir()
    (tree / "retry.py").write_text(CODE)
    (hooks / "sitecustomize.py").write_text(HOOK)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CODEINTEL_")} | {
        "PYTHONPATH": f"{hooks}:{ROOT}",
        "EGRESS_LOG": str(log),
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "CODEINTEL_LLM": "none",
    }
    for command in COMMANDS:
        arguments = [part.format(tree=tree) for part in command]
        done = subprocess.run(
            [*_without_network(), CODEINTEL, *arguments],
            env=environment, capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0 or command == ["doctor"], done.stderr
        assert "Traceback" not in done.stderr
    assert json.loads(_answer(environment, tmp_path))["citations"]
    calls = log.read_text().splitlines() if log.exists() else []
    assert [call for call in calls if not any(place in call for place in LOCAL)] == []


def _answer(environment: dict[str, str], at: Path) -> str:
    command = [*_without_network(), CODEINTEL, "ask", "--json", "what is retry_policy?"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=at).stdout


def _without_network() -> list[str]:
    """Return the command that denies a process any network, loopback included; empty where that is not permitted."""
    unshare = ["unshare", "--net"]
    allowed = subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0
    return unshare if allowed else []


@pytest.mark.skipif(not _without_network(), reason="only root can take a process's network away")
def test_the_sandbox_really_has_no_network(tmp_path: Path) -> None:
    probe = "import socket; socket.create_connection(('127.0.0.1', 9), 1)"
    done = subprocess.run(
        [*_without_network(), sys.executable, "-c", probe], capture_output=True, text=True, check=False
    )
    assert "unreachable" in done.stderr
