"""Take docs/images/page.png: the web page with its answer to the first of the example questions.

python -m docs.screenshot, with Chromium (`make browser`). It shows how long the answer took, so no test compares it.
"""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from docs.examples import open_examples, read_examples
from tests.support.service import serving

FILE = Path(__file__).parent / "images" / "page.png"
ANSWERED = "#answer[aria-busy=false] #answer-actions button"


def take(url: str, question: str) -> None:
    """Ask a question on the page at an address, and save what a reader sees."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 820})
        page.goto(url)
        page.fill("#question", question)
        page.press("#question", "Enter")
        page.wait_for_selector(ANSWERED)
        page.evaluate("document.activeElement.blur()")
        page.screenshot(path=FILE)
        browser.close()


def main() -> None:
    """Serve the examples' packages, and take the picture."""
    with TemporaryDirectory() as folder:
        with open_examples(Path(folder)) as assistant:
            settings = assistant.settings
        with serving(settings) as url:
            take(url, read_examples()[0].en[0])


if __name__ == "__main__":
    main()
