"""The load tests and the experiments, run as people run them: `locust` and `chaos` in processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXPERIMENTS = ROOT / "chaos" / "experiments"
LOCUST, CHAOS = (str(Path(sys.executable).with_name(name)) for name in ("locust", "chaos"))


def locust(
    name: str, url: str, folder: Path, *options: str, code: int = 0, environment: Mapping[str, str] | None = None
) -> str:
    """Run a load test without its page and return its output; fail if its exit code is not the expected one."""
    command = [LOCUST, "-f", str(ROOT / "loadtests" / f"{name}.py"), "--host", url, "--headless", *options]
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=600)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def chaos_run(
    name: str, where: Path, environment: Mapping[str, str] | None = None, seconds: float = 200, **variables: str
) -> dict[str, Any]:
    """Run an experiment and return its journal, which stays in the folder; fail unless the experiment held."""
    given = [f"--var={key}={value}" for key, value in variables.items()]
    command = [CHAOS, "--no-version-check", "run", f"--journal-path={where / 'journal.json'}", *given]
    done = subprocess.run(
        [*command, str(EXPERIMENTS / f"{name}.yaml")],
        cwd=where,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    journal: dict[str, Any] = json.loads((where / "journal.json").read_text())
    assert (done.returncode, journal["status"], journal["deviated"]) == (0, "completed", False), done.stderr
    return journal
