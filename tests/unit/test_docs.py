"""The documents say what the code does: the reference is made from it, and what they name is there."""

import re
import runpy
import subprocess
from pathlib import Path

import pytest

from ml.settings import Settings
from rag_service.cli import cli

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    if not name.startswith("tests/")
)
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
COMMAND = re.compile(r"(?<!-n )\bcodeintel ([a-z]+)\b")  # `kubectl -n codeintel` names the namespace
TARGET = re.compile(r"`make ([a-z-]+)")
SETTING = re.compile(r"\bCODEINTEL_([A-Z_]+)\b")
ASIDE = {"CONFIG", "TEST_QDRANT_URL", "NAME"}


def test_the_reference_is_what_the_code_says() -> None:
    generated = runpy.run_path(str(ROOT / "docs" / "generate.py"))

    assert (ROOT / "docs" / "reference.md").read_text() == generated["render"](), "run: make docs"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_names_is_there(document: Path) -> None:
    text = document.read_text()
    makefile = (ROOT / "Makefile").read_text()

    assert [link for link in LINK.findall(text) if not (document.parent / link).exists()] == []
    assert [name for name in COMMAND.findall(text) if name not in cli.commands] == []
    assert [name for name in TARGET.findall(text) if f"\n{name}:" not in makefile] == []
    assert [n for n in SETTING.findall(text) if n.lower() not in Settings.model_fields and n not in ASIDE] == []


@pytest.mark.parametrize("name", ["guide", "platform"])
def test_both_languages_have_the_same_parts(name: str) -> None:
    english, russian = ((ROOT / "docs" / f"{name}{language}.md").read_text() for language in ("", ".ru"))

    assert english.count("\n## ") == russian.count("\n## ")
    assert english.count("```") == russian.count("```")
