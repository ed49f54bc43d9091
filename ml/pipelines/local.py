"""Run the learning pipeline on this machine, by `kfp.local`: each stage a process, its artifacts real files."""

import io
import json
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from pydantic import SecretStr

from ml.errors import PipelineError
from ml.settings import Settings

DECISION, LOG = "decision", "log.txt"
BEGUN = re.compile(r"Executing task \S*?'(?P<stage>[\w-]+)'")
SAID = re.compile(r"^    (?P<line>\$ .*|step .*)")
# Prefix of the JSON line that a failed stage leaves in the log (ml.pipelines.stage).
ERROR = '{"error": {"cause": '

Progress = Callable[[str, str], None]
"""Receives the running stage and a line of its output ("" when it starts)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of the pipeline: promoted or rejected, why, and the report's page."""

    promoted: bool
    reasons: tuple[str, ...]
    report: str


def run_learning(settings: Settings, root: Path, arguments: Mapping[str, Any], progress: Progress) -> Outcome:
    """Run the pipeline with these arguments; artifacts and the log go under `root`.

    Raise PipelineError with cause and cure of the stage that failed. After a kill, run it again: the index, the training
    and the promotion resume where they were.
    """
    from kfp import local

    from ml.pipelines.learning import learning

    root.mkdir(parents=True, exist_ok=True)
    before = set(root.iterdir())
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
    with (root / LOG).open("w", encoding="utf-8") as file, _in_environment(settings):
        log = _Log(file, progress)
        try:
            with redirect_stdout(log), warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", RuntimeWarning
                )  # the image is for a cluster; here the stages use this environment
                learning(**arguments)
        except RuntimeError as error:
            raise PipelineError(log.cause or str(error), f"{log.cure}; the log is {root / LOG}") from error
    made = max((path for path in root.iterdir() if path not in before | {root / LOG}), key=_changed)
    decision = json.loads((made / "register-model" / DECISION).read_text(encoding="utf-8"))
    return Outcome(decision["promoted"], tuple(decision["reasons"]), decision["report"])


def _changed(path: Path) -> float:
    return path.stat().st_mtime


class _Log(io.TextIOBase):
    """Captures kfp's verbose output: all of it goes into a file, and the lines of interest to `progress`."""

    def __init__(self, file: TextIO, progress: Progress) -> None:
        self._file, self._progress = file, progress
        self._stage, self._begun = "", ""
        self.cause, self.cure = "", "start it again"

    def write(self, text: str) -> int:
        self._file.write(text)
        self._file.flush()
        *whole, self._begun = (self._begun + text).split("\n")
        for line in whole:
            self._read(line)
        return len(text)

    def _read(self, line: str) -> None:
        if found := BEGUN.search(line):
            self._stage = found["stage"]
            self._progress(self._stage, "")
        elif found := SAID.match(line):
            self._progress(self._stage, found["line"])
        elif line.lstrip().startswith(ERROR):
            error = json.loads(line)["error"]
            self.cause, self.cure = error["cause"], error["cure"]


@contextmanager
def _in_environment(settings: Settings) -> Iterator[None]:
    """Pass the settings in force, including command-line options, to the stages' processes."""
    before = dict(os.environ)
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is not None:
            os.environ[f"CODEINTEL_{name.upper()}"] = (
                value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
