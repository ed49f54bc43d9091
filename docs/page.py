"""Take docs/images/page.png: the page of the real service over the example repositories, in Chromium.

python -m docs.page
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs" / "images" / "page.png"
EXAMPLES = [ROOT / ".cache" / "examples" / name for name in ("fastapi", "langchain-core")]
CODEINTEL = str(Path(sys.executable).with_name("codeintel"))
PORT = 8329  # beside a service that runs
QUESTION = "Where is a request body validated, and what happens when it is wrong?"
ANSWERED = "#answer[aria-busy=false] #answer-actions button"
ADDRESS = re.compile(r"http://\S+")


def take(address: str) -> None:
    """Ask the service at an address, and keep a picture of its answer."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 820}, color_scheme="light", reduced_motion="reduce")
        page.goto(f"{address}/?q={quote(QUESTION)}")
        page.wait_for_selector(ANSWERED)
        page.wait_for_selector("#chat-list a")
        page.screenshot(path=FILE)
        browser.close()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Index the examples below a folder, and yield the address of a service without an LLM."""
    own = {"STORE": str(folder / "store"), "DATA_DIR": str(folder / "data"), "LLM": "none", "PORT": str(PORT)}
    environment = os.environ | {f"CODEINTEL_{name}": value for name, value in own.items()}
    subprocess.run([CODEINTEL, "index", *map(str, EXAMPLES)], env=environment, cwd=folder, check=True)
    with subprocess.Popen(
        [CODEINTEL, "serve"], env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as service:
        try:
            yield next(found[0] for line in service.stdout or () if (found := ADDRESS.search(line)))
        finally:
            service.terminate()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch, serving(Path(scratch)) as address:
        take(address)
