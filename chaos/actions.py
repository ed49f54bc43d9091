"""Actions of the experiments: break the connection to the model, fill a disk, lose a node, and wait for recovery."""

import errno
import os
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import requests
from chaoslib.exceptions import ActivityFailed

from chaos.log import logger
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
    "wait_until_the_node_is_back",
]

FILLER = "filled-by-chaos"
MOST_BYTES = 4 << 30
BLOCK = 1 << 20
PAUSE = 0.5


def break_model(proxy: str, fault: str) -> str:
    """Inject a fault into the proxy in front of the model (`chaos.faulty_llm`)."""
    try:
        reply = requests.put(f"{proxy}/fault/{fault}", timeout=10)
    except requests.RequestException as error:
        raise ActivityFailed(f"no proxy at {proxy}: start it with `python -m chaos.faulty_llm --to MODEL`") from error
    if not reply.ok:
        raise ActivityFailed(reply.text)
    return fault


def mend_model(proxy: str) -> str:
    """Remove the proxy's fault."""
    return break_model(proxy, "none")


def fill_disk(folder: str) -> int:
    """Fill a folder's file system to the last byte; return the bytes written.

    A file system with more than 4 GiB free is refused: it would be this machine's own.
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
    """Remove the file that filled the disk."""
    (Path(folder) / FILLER).unlink(missing_ok=True)


def lose_node(provider: str, node: str, connection: str = "qemu:///system", command: str = "") -> str:
    """Power a node off. `provider` is libvirt (the domain `node`) or command (that command line)."""
    return _run(_power(provider, "destroy", node, connection, command))


def return_node(provider: str, node: str, connection: str = "qemu:///system", command: str = "") -> str:
    """Power a node on, unless it is; see `lose_node`."""
    try:
        return _run(_power(provider, "start", node, connection, command))
    except ActivityFailed as error:
        if "already active" in str(error):
            return str(error)
        raise


def wait_until_it_answers(
    url: str, question: str, seconds: float = 300.0, within: float = 10.0, api_key: str = "", in_a_row: int = 1
) -> float:
    """Wait for a number of correct answers in a row; return the seconds until the first of them."""
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
    """Wait for an answer that the model had its part in; return the seconds waited."""
    return _recovered(
        _wait(lambda: answers_with_the_model(url, question, within, api_key), "the model is away", seconds)
    )


def wait_until_the_cluster_sees_it(node: str, seconds: float = 120.0) -> float:
    """Wait until the kubeconfig's cluster reports a node as not ready; return the seconds waited."""
    return round(_wait(lambda: is_ready(node) is False, f"the cluster does not report {node} as lost", seconds), 1)


def wait_until_the_node_is_back(node: str, seconds: float = 600.0) -> float:
    """Wait until the kubeconfig's cluster, which may be on that node, reports it as ready; return the seconds waited."""
    return _recovered(_wait(lambda: is_ready(node) is True, f"{node} is not ready again", seconds))


def wait_until_it_refuses(url: str, question: str, seconds: float = 120.0, api_key: str = "") -> None:
    """Wait until a question fails with a one-line error that has a cause and a cure."""
    _wait(lambda: refuses_in_one_line(url, question, api_key=api_key), "it was not refused", seconds)


def keep_asking_while_it_refuses(url: str, question: str, seconds: float = 30.0, api_key: str = "") -> None:
    """Fail if, for so many seconds, users get anything but a one-line error, such as a refused connection."""
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        if not refuses_in_one_line(url, question, api_key=api_key):
            raise ActivityFailed("readers are not told what is away")
        time.sleep(PAUSE)


def ask_until_it_says_so(url: str, question: str, times: int = 50, api_key: str = "") -> int:
    """Ask until an answer has a notice; return how many were asked: a full disk still has room in its last block."""
    for asked in range(1, times + 1):
        if answers_without_the_model(url, question, api_key=api_key):
            return asked
    raise ActivityFailed(f"{times} answers, and none says that anything is wrong")


def _wait(ready: Callable[[], bool], otherwise: str, seconds: float) -> float:
    """Wait for a condition and return the seconds; fail on time-out."""
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
