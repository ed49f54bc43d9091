"""Run git without prompts and without programs of a hostile repository's choice; translate its errors."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ml.errors import GitError, GitMissingError

# A hostile repository could run programs through the first two; the rest keeps git quiet and quick.
SAFE = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.askPass="),
    *("-c", "safe.directory=*"),
    *("-c", "safe.bareRepository=all"),
    *("-c", "http.lowSpeedLimit=1000"),
    *("-c", "http.lowSpeedTime=60"),
    *("-c", "gc.auto=0"),
)
# No local git command takes this long, but a FIFO as a config file or a hostile pattern would block forever.
LOCAL_SECONDS = 120.0
PROTOCOLS = "https:http:ssh:git:file"
# Set by a hook or an editor that runs us, these would point git at another repository or at a password dialog.
DROPPED = re.compile(
    r"GIT_(?:DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_\w+|COMMON_DIR|NAMESPACE|PREFIX|GRAFT_FILE|CEILING_\w+|CONFIG"
    r"|CONFIG_PARAMETERS|CONFIG_COUNT|CONFIG_(?:KEY|VALUE)_\d+|SHALLOW_FILE|REPLACE_\w+|ASKPASS|TRACE\w*|\w+_PATHSPECS)$|SSH_ASKPASS$"
)
# What git adds to every failure of a remote, whatever the reason.
NOT_TELLING = re.compile(r"fatal: Could not read from remote|Please make sure you have|and the repository exists")
MARK = re.compile(r"(?:fatal|error|ERROR|remote): *")


def run_git(
    *arguments: str,
    at: Path,
    network: bool = False,
    config: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> bytes:
    """Run git in the folder `at` and return its output. Raise GitError if it fails or, locally, takes too long.

    `config` is passed in the environment, where other users of the machine can't see it (a URL with a token); `seconds` replaces
    LOCAL_SECONDS.
    """
    how = _process_options(at, network, config or {})
    try:
        done = subprocess.run(
            _command(arguments),
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=None if network else seconds or LOCAL_SECONDS,
            **how,
        )
    except FileNotFoundError as error:
        raise GitMissingError("git is not installed", "install git, or index a folder or an archive instead") from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git {arguments[0]} timed out", "look at the repository with git itself") from error
    if done.returncode:
        raise GitError(f"git {arguments[0]}: {reason(done.stderr)}", "look at the repository with git itself")
    return bytes(done.stdout)


@contextmanager
def git_output(*arguments: str, at: Path, stdin: IO[bytes]) -> Iterator[IO[bytes]]:
    """Yield git's output stream while it reads `stdin`; the caller detects a failure by missing output."""
    process = subprocess.Popen(
        _command(arguments),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        **_process_options(at, False, {}),
    )
    try:
        assert process.stdout  # noqa: S101  # a pipe was asked for
        yield process.stdout
    finally:
        process.kill()
        process.communicate()


def reason(output: bytes) -> str:
    """Return the line of git's error output that states the reason."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines()]
    telling = [line for line in lines if line and not NOT_TELLING.match(line)] or ["no reason given"]
    marked = [line for line in telling if MARK.match(line)]
    return MARK.sub("", (marked or telling)[-1])


def _command(arguments: tuple[str, ...]) -> list[str]:
    return ["git", "--no-optional-locks", *SAFE, *arguments]


def _process_options(at: Path, network: bool, config: Mapping[str, str]) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if not DROPPED.match(name)}
    environment |= {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": PROTOCOLS if network else "none",
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_CONFIG_COUNT": str(len(config)),
    }
    for number, (name, value) in enumerate(config.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return {"cwd": at, "env": environment, "start_new_session": True}  # without a terminal ssh can't ask for a password
