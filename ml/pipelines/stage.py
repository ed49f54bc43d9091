"""What a stage is made of: one command of `codeintel`, the same that a person runs."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ml.errors import PipelineError

COMMAND = Path(sys.executable).with_name("codeintel")


def codeintel(*arguments: str) -> Any:
    """Runs a command with --json and gives what it printed; its progress goes to the stage's log.

    Raises PipelineError with the command's own last line where it fails.
    """
    command = [str(COMMAND), *arguments, "--json"]
    print("$", " ".join(command[1:]), flush=True)
    with tempfile.TemporaryFile("w+") as printed:
        with subprocess.Popen(command, stdout=printed, stderr=subprocess.PIPE, text=True) as running:
            said = ""
            for line in running.stderr or ():
                print(line, end="", flush=True)
                said = line.strip() or said
        printed.seek(0)
        found = printed.read()
    if running.returncode:
        cause, _, cure = said.removeprefix("error: ").rpartition(": ")
        raise PipelineError(f"codeintel {arguments[0]}: {cause or said}", cure or "look at the stage's log")
    print(found, flush=True)
    return json.loads(found)
