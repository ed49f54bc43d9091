"""What the experiments do: break the way to the model, fill a disk, lose a node, and wait until all is well again."""

import errno
import os
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import requests
from chaoslib.exceptions import ActivityFailed
from logzero import logger

from chaos.nodes import is_ready
from chaos.probes import answers_in_time, answers_with_the_model, answers_without_the_model, refuses_in_one_line

__all__ = [
    "ask_until_it_says_so",
    "break_model",
    "fill_disk",
    "free_disk",
    "keep_asking_while_it_refuses",
    "lose_node",
    "mend_model",
    "return_node",
    "wait_until_it_answers",
    "wait_until_it_refuses",
    "wait_until_the_cluster_sees_it",
    "wait_until_the_model_explains",
]

FILLER = "filled-by-chaos"
MOST_BYTES = 4 << 30
BLOCK = 1 << 20
PAUSE = 0.5


def break_model(proxy: str, fault: str) -> str:
    """Make the proxy before the model (`chaos.faulty_llm`) fail in one of its ways."""
    try:
        reply = requests.put(f"{proxy}/fault/{fault}", timeout=10)
    except requests.RequestException as error:
        raise ActivityFailed(f"no proxy at {proxy}: start it with `python -m chaos.faulty_llm --to MODEL`") from error
    if not reply.ok:
        raise ActivityFailed(reply.text)
    return fault


def mend_model(proxy: str) -> str:
    """Let the proxy pass everything on again."""
    return break_model(proxy, "none")


def fill_disk(folder: str) -> int:
    """Fill the file system of a folder to the last byte, and gives how many there were.

    One with more than 4 GiB left is refused: it would be this machine's own.
    """
    if not Path(folder or "?").is_dir():
        raise ActivityFailed(f"{folder!r} is no folder: set CODEINTEL_DATA_DIR, or give --var folder=…")
    file, left = Path(folder) / FILLER, os.statvfs(folder)
    if left.f_bavail * left.f_frsize > MOST_BYTES:
        raise ActivityFailed(f"{folder} has more than 4 GiB left: give the folder of a small volume")
    with file.open("wb", buffering=0) as filler:
        size = BLOCK
        while size:
            try:
                filler.write(b"\0" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise ActivityFailed(f"{file}: {error.strerror}") from error
                size //= 2
    return file.stat().st_size


def free_disk(folder: str) -> None:
    """Take away what filled the disk."""
    (Path(folder) / FILLER).unlink(missing_ok=True)


def lose_node(provider: str, node: str, connection: str = "qemu:///system", command: str = "") -> str:
    """Take the power from a node. `provider` is libvirt (the domain `node`), or command (that command line)."""
    return _run(_power(provider, "destroy", node, connection, command))


def return_node(provider: str, node: str, connection: str = "qemu:///system", command: str = "") -> str:
    """Return a node its power back; see `lose_node`. One that has it keeps it."""
    try:
        return _run(_power(provider, "start", node, connection, command))
    except ActivityFailed as error:
        if "already active" in str(error):
            return str(error)
        raise


def wait_until_it_answers(
    url: str, question: str, seconds: float = 300.0, within: float = 10.0, api_key: str = "", in_a_row: int = 1
) -> float:
    """Wait until a question is answered as it should be, so often in a row; gives after how many seconds it first was."""
    began, good = time.monotonic(), list[float]()

    def answers() -> bool:
        asked = time.monotonic()
        if answers_in_time(url, question, within, api_key):
            good.append(asked)
        else:
            good.clear()
        return len(good) >= in_a_row

    _wait(answers, "no good answer", seconds)
    return _recovered(good[0] - began)


def wait_until_the_model_explains(
    url: str, question: str, seconds: float = 900.0, within: float = 30.0, api_key: str = ""
) -> float:
    """Wait until an answer needs no excuse for the model, and gives after how many seconds one came."""
    return _recovered(
        _wait(lambda: answers_with_the_model(url, question, within, api_key), "the model is away", seconds)
    )


def wait_until_the_cluster_sees_it(node: str, seconds: float = 120.0) -> float:
    """Wait until the cluster (of the kubeconfig) counts on a node no longer, and gives after how many seconds."""
    return round(_wait(lambda: not is_ready(node), f"{node} is still ready", seconds), 1)


def wait_until_it_refuses(url: str, question: str, seconds: float = 120.0, api_key: str = "") -> None:
    """Wait until a question is refused in one line with cause and cure."""
    _wait(lambda: refuses_in_one_line(url, question, api_key=api_key), "it was not refused", seconds)


def keep_asking_while_it_refuses(url: str, question: str, seconds: float = 30.0, api_key: str = "") -> None:
    """Fail if within so many seconds readers get anything but one line with cause and cure, such as no connection."""
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        if not refuses_in_one_line(url, question, api_key=api_key):
            raise ActivityFailed("readers are not told what is away")
        time.sleep(PAUSE)


def ask_until_it_says_so(url: str, question: str, times: int = 50, api_key: str = "") -> int:
    """Ask until an answer comes with a notice, and gives how often: a full disk still has room in its last block."""
    for asked in range(1, times + 1):
        if answers_without_the_model(url, question, api_key=api_key):
            return asked
    raise ActivityFailed(f"{times} answers, and none says that anything is wrong")


def _wait(ready: Callable[[], bool], otherwise: str, seconds: float) -> float:
    """Return how many seconds it took until something was so; fails when the time is over."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if ready():
            return time.monotonic() - began
        time.sleep(PAUSE)
    raise ActivityFailed(f"{otherwise} within {seconds:g} s")


def _recovered(seconds: float) -> float:
    logger.info("recovered after %.1f s", seconds)
    return round(seconds, 1)


def _power(provider: str, verb: str, node: str, connection: str, command: str) -> list[str]:
    match provider:
        case "libvirt" if not node:
            raise ActivityFailed("no node is named: set CODEINTEL_NODE, or give --var node=…")
        case "libvirt":
            return ["virsh", "--connect", connection, verb, node]
        case "command" if command:
            return shlex.split(command)
        case _:
            raise ActivityFailed(f"provider is {provider!r}: take libvirt, or command with a command line")


def _run(command: list[str]) -> str:
    logger.info("%s", shlex.join(command))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    except FileNotFoundError as error:
        raise ActivityFailed(f"{command[0]} is not installed") from error
    except subprocess.CalledProcessError as error:
        raise ActivityFailed(f"{shlex.join(command)}: {error.stderr.strip() or error.returncode}") from error
    return done.stdout.strip()
