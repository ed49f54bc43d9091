"""The image of the pipeline's stages has what they import: every package is in the lock that it is built from."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements" / "trainer.txt"
WEIGHTS = ROOT / "requirements" / "weights.txt"
CODE = ("ml", "rag_service")
# What no stage runs: the models' objects, the platform's runtime, and developers' tools.
ELSEWHERE = (
    "ml/serving",
    "ml/training/runtime.py",
    "ml/index/langchain.py",
    "ml/index/embedder/train",
    "ml/pipelines/image.py",
)
STARTED = """
import sys
class Missing:
    def find_spec(name, path=None, target=None):
        if name in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing)
import kfp.dsl.executor_main, ml.pipelines.stage, rag_service.learning.stages
"""


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def locked() -> set[str]:
    text = LOCK.read_text() + WEIGHTS.read_text()
    return {plain(name) for name in re.findall(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*])?==", text, re.MULTILINE)}


def find_missing(modules: set[str], locked: set[str]) -> set[str]:
    """Return the packages, by one of their modules, that the lock does not contain."""
    brought = packages_distributions()
    others = modules - set(sys.stdlib_module_names) - set(CODE)
    known = {name: {plain(each) for each in brought.get(name, [name])} for name in others if not name.startswith("_")}
    return {name for name, packages in known.items() if not packages & locked}


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the packages that a file imports at run time, within functions too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (each.name.split(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]
        else:
            yield from imported(node)


def start(missing: set[str]) -> str:
    """Import what a stage starts with while some modules are missing; return the error output."""
    done = subprocess.run([sys.executable, "-c", STARTED, *missing], capture_output=True, text=True)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def test_a_stage_starts_with_nothing_but_what_is_locked(locked: set[str]) -> None:
    others = find_missing(set(packages_distributions()), locked)
    assert "dvc" in others
    assert not start(others)
    assert start({"kfp"}) == "ModuleNotFoundError: No module named 'kfp'"


def test_later_imports_of_its_commands_are_locked(locked: set[str]) -> None:
    files = [file for name in CODE for file in (ROOT / name).rglob("*.py")]
    ours = [file for file in files if not str(file.relative_to(ROOT)).startswith(ELSEWHERE)]
    found = {name for file in ours for name in imported(ast.parse(file.read_text()))}
    assert {
        "torch",
        "unsloth",
        "peft",
        "trl",
        "mlflow",
        "kubeflow",
        "deepeval",
        "gguf",
        "qdrant_client",
        "xllamacpp",
    } <= found
    assert not find_missing(found, locked)


def test_the_search_finds_an_unlocked_package(locked: set[str]) -> None:
    assert find_missing({"torch", "langchain_qdrant", "dvc"}, locked) == {"langchain_qdrant", "dvc"}
