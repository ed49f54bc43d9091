"""The setting `llm` is read in one place: ml.adapters.backends."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from ml.adapters.backends import BACKENDS, open_backend
from ml.settings import Settings

ROOT = Path(__file__).parents[2]
HOME = ROOT / "ml" / "adapters" / "backends" / "__init__.py"


def looks(source: str) -> Iterator[int]:
    """Yield the lines that read `.llm` of something called settings."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr == "llm":
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            called = owner.func if isinstance(owner, ast.Call) else None
            if "settings" in name or (isinstance(called, ast.Name) and "settings" in called.id):
                yield node.lineno


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("match settings.llm:\n    case _: pass", [1]),
        ("x = 1\nif self._settings.llm == 'none': pass", [2]),
        ("if get_settings().llm == 'none': pass", [1]),
        ("assistant.llm.get()\nself.llm = llm", []),
    ],
)
def test_the_search_finds_a_branch(source: str, lines: list[int]) -> None:
    assert list(looks(source)) == lines


def test_no_other_file_reads_the_setting() -> None:
    found = {
        f"{file.relative_to(ROOT)}:{line}"
        for folder in ("ml", "rag_service", "infra", "benchmarks")
        for file in (ROOT / folder).rglob("*.py")
        if file != HOME
        for line in looks(file.read_text(encoding="utf-8"))
    }
    assert not found
    assert list(looks(HOME.read_text(encoding="utf-8")))


def test_each_value_of_the_setting_has_its_backend() -> None:
    assert set(get_args(Settings.model_fields["llm"].annotation)) == BACKENDS.keys()
    addresses = {"llm_url": "http://127.0.0.1:9/v1", "llm_model": "m"}
    for name, backend in BACKENDS.items():
        assert type(open_backend(Settings.model_validate(addresses | {"llm": name}))) is backend
