"""OpenAI's client for JavaScript, as web front ends use it. It is installed from its lock once, where npm is at hand."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import playwright
import pytest

from ml.index.embedder.static import load_static
from ml.settings import Settings
from tests.support.service import serving

HERE = Path(__file__).parent / "javascript"
CACHE = Path(__file__).parents[2] / ".cache" / "javascript"
NODE = Path(playwright.__file__).parent / "driver" / "node"
QUESTION = "Where is the number of attempts to charge an order set?"


@pytest.fixture(scope="module")
def script() -> Path:
    """Return the script beside its packages."""
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("OpenAI's client for JavaScript is installed by npm")
    shutil.copytree(HERE, CACHE, dirs_exist_ok=True)
    if not (CACHE / "node_modules" / "openai").is_dir():
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=CACHE, check=True, capture_output=True, timeout=200)
    return CACHE / "ask.mjs"


def test_the_javascript_client_gets_what_every_client_gets(indexed: Settings, script: Path) -> None:
    with serving(indexed) as url:
        done = subprocess.run(
            [NODE, script, f"{url}/v1", QUESTION], capture_output=True, text=True, timeout=60, check=True
        )
        asked = {"messages": [{"role": "user", "content": QUESTION}]}
        message = httpx.post(f"{url}/v1/chat/completions", json=asked).json()["choices"][0]["message"]
    told: dict[str, Any] = json.loads(done.stdout)
    assert "`shop/billing/charge.py:" in told["content"]
    assert told["content"] == told["streamed"] == told["response"] == told["accumulated"] == message["content"]
    marks = [(one["url_citation"]["start_index"], one["url_citation"]["title"]) for one in told["annotations"]]
    assert marks == [
        (one["url_citation"]["start_index"], one["url_citation"]["title"]) for one in message["annotations"]
    ]
    assert np.allclose(told["embedding"], load_static().documents([QUESTION])[0], atol=1e-6)
    assert told["refused"]["status"] == 400
    assert told["refused"]["param"] == "n"
    assert "ask once" in told["refused"]["message"]
