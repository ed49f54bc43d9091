"""Run a pipeline stage: one function of the learning loop, in a subprocess.

A subprocess, because `ml` does not import `rag_service`; reports and errors cross the boundary as JSON.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

from ml.errors import PipelineError

MODULE = "rag_service.learning"


def run_stage(stage: str, **arguments: Any) -> Any:
    """Run a stage and return its report; log its progress and, as a line of JSON, its error.

    Raise PipelineError with the stage's cause and cure if it fails.
    """
    print("$", stage, *_words(arguments), flush=True)
    command = [sys.executable, "-P", "-m", MODULE, stage, json.dumps(arguments)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        with subprocess.Popen(command, stdout=printed, stderr=subprocess.PIPE, text=True, errors="replace") as running:
            last = _pass_on(running.stderr)
        printed.seek(0)
        found = printed.read()
    if running.returncode:
        error = _error(stage, found, last or f"it exited with {running.returncode}")
        print(json.dumps(error.as_dict()), flush=True)
        raise error
    print(found, flush=True)
    return json.loads(found)


def _words(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield the arguments for the log: the values of lists, and name=value for everything else that is set."""
    for name, value in arguments.items():
        if isinstance(value, list):
            yield from map(str, value)
        elif value != "":
            yield f"{name}={value}"


def _pass_on(lines: IO[str] | None) -> str:
    """Print lines as they arrive, and return the last one that is not empty."""
    last = ""
    for line in lines or ():
        print(line, end="", flush=True)
        last = line.strip() or last
    return last


def _error(stage: str, printed: str, otherwise: str) -> PipelineError:
    try:
        error = json.loads(printed)["error"]
        cause, cure = error["cause"], error["cure"]
    except (ValueError, KeyError, TypeError):  # it was killed, or has a bug
        cause, cure = otherwise, "check the stage's log"
    return PipelineError(f"codeintel {stage}: {cause}", cure)
