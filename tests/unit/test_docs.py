"""The documents match the code: the reference is generated from it, and everything they name exists."""

import ast
import re
import runpy
import subprocess
from pathlib import Path

import pytest

from docs import architecture
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
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
COMMAND = re.compile(r"(?<!-n )\bcodeintel ([a-z]+)\b")  # `kubectl -n codeintel` names the namespace
TARGET = re.compile(r"`make ([a-z-]+)")
SETTING = re.compile(r"\bCODEINTEL_([A-Z_]+)\b")
ASIDE = {"CONFIG", "TEST_QDRANT_URL", "NAME"}
FUNCTION = re.compile(r"`((?:ml|rag_service|infra)\.[\w.]+)`")
FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]*)`")
PLACEHOLDER = re.compile(r"[^/]*(?:NAME|EXT)[^/]*$")


def test_the_reference_matches_the_code() -> None:
    generated = runpy.run_path(str(ROOT / "docs" / "generate.py"))

    assert (ROOT / "docs" / "reference.md").read_text() == generated["render"](), "run: make docs"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_a_document_names_exists(document: Path) -> None:
    text = document.read_text()
    makefile = (ROOT / "Makefile").read_text()

    assert [link for link in LINK.findall(CODE.sub("", text)) if not (document.parent / link).exists()] == []
    assert [name for name in COMMAND.findall(text) if name not in cli.commands] == []
    assert [name for name in TARGET.findall(text) if f"\n{name}:" not in makefile] == []
    assert [n for n in SETTING.findall(text) if n.lower() not in Settings.model_fields and n not in ASIDE] == []


@pytest.mark.parametrize("name", ["guide", "platform", "operations", "gitops", "api"])
def test_both_languages_have_the_same_sections(name: str) -> None:
    english, russian = ((ROOT / "docs" / f"{name}{language}.md").read_text() for language in ("", ".ru"))

    assert english.count("\n## ") == russian.count("\n## ")
    assert english.count("```") == russian.count("```")


def test_the_drawing_matches_the_imports() -> None:
    assert architecture.FILE.read_text(encoding="utf-8") == architecture.picture(), "run: make docs"


def test_each_function_on_the_map_exists() -> None:
    named = FUNCTION.findall((ROOT / "docs" / "architecture.md").read_text())

    assert len(named) > 30
    assert [name for name in named if not is_defined(name)] == []


def is_defined(name: str) -> bool:
    """Return whether the module of that dotted name defines its last part, without importing it."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        file = ROOT.joinpath(*parts[:length]).with_suffix(".py")
        package = ROOT.joinpath(*parts[:length], "__init__.py")
        if file.is_file() or package.is_file():
            body: list[ast.stmt] = ast.parse((file if file.is_file() else package).read_text()).body
            return defines(body, parts[length:])
    return False


def defines(body: list[ast.stmt], names: list[str]) -> bool:
    if not names:
        return True
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == names[0]:
            return defines(node.body, names[1:])
        if isinstance(node, ast.Assign) and names == [ast.unparse(target) for target in node.targets]:
            return True
    return False


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md"])
def test_each_file_that_a_page_names_exists(name: str) -> None:
    named = FILE.findall((ROOT / name).read_text())
    places = [PLACEHOLDER.sub("", each) for each in named]

    assert named
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_the_map_leads_to_each_of_the_five_recipes() -> None:
    recipes = re.findall(r"^### (.+)$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    linked = re.findall(r"CONTRIBUTING\.md#([\w-]+)", (ROOT / "docs" / "architecture.md").read_text())

    assert linked == [recipe.lower().replace(" ", "-") for recipe in recipes]
    assert len(linked) == 5


def test_no_document_names_a_package_registry() -> None:
    registry = re.compile(r"pypi\.org|pythonhosted|npmjs|proxy\.golang|index-url", re.IGNORECASE)

    assert [str(document) for document in DOCUMENTS if registry.search(document.read_text())] == []
