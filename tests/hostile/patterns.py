"""Finds every regular expression of the product by walking its modules, with the ways each is used."""

import ast
import dataclasses
import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import ml
import rag_service
from ml.patterns import Bounded, linear

PACKAGES = (ml, rag_service)
LINEAR = type(linear("a"))
METHODS = frozenset(("search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split"))
# What modules of the learning loop import at their top, and a test environment without that group lacks.
OPTIONAL = frozenset(
    "kfp kubeflow langchain_qdrant sentence_transformers matplotlib jsonschema safetensors kserve kubernetes mlflow torch transformers peft trl datasets deepeval gguf yaml".split()
)
DEPTH = 4


@dataclass(frozen=True)
class Found:
    """A pattern, where it is, and the methods by which the code calls it."""

    place: str
    compiled: Any
    methods: frozenset[str]


def modules() -> Iterator[Any]:
    """Yield every module of the product that can be imported here."""
    for package in PACKAGES:
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if info.name.endswith("__main__"):
                continue
            try:
                yield importlib.import_module(info.name)
            except ModuleNotFoundError as error:
                if str(error.name).partition(".")[0] not in OPTIONAL:
                    raise


def find_patterns() -> list[Found]:
    """Return every pattern that a module of the product holds, by itself or inside its tables."""
    found: dict[int, Found] = {}
    for module in modules():
        for name, value in vars(module).items():
            for place, compiled in _within(f"{module.__name__}.{name}", value, DEPTH):
                by_name = _methods().get(name, frozenset()) if place.endswith(f".{name}") else frozenset()
                found.setdefault(id(compiled), Found(place, compiled, by_name or frozenset({"search", "finditer"})))
    return sorted(found.values(), key=lambda one: one.place)


def _within(place: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, re.Pattern | Bounded | LINEAR):
        yield place, value
    elif depth and isinstance(value, dict):
        for key, inner in value.items():
            yield from _within(f"{place}[{key!r}]", inner, depth - 1)
    elif depth and isinstance(value, list | tuple | set | frozenset):
        for number, inner in enumerate(value):
            yield from _within(f"{place}[{number}]", inner, depth - 1)
    elif depth and dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _within(f"{place}.{field.name}", getattr(value, field.name, None), depth - 1)


@cache
def trees() -> dict[Path, ast.Module]:
    """Return the syntax tree of every file of the product."""
    folders = [Path(package.__path__[0]) for package in PACKAGES]
    return {file: ast.parse(file.read_text()) for folder in folders for file in sorted(folder.rglob("*.py"))}


@cache
def _methods() -> dict[str, frozenset[str]]:
    """Return for each name the methods of a pattern that are called on it anywhere in the product."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in METHODS:
                found[node.value.id].add(node.attr)
    return {name: frozenset(methods) for name, methods in found.items()}


def compiled_in_functions() -> list[str]:
    """Return the places where a function compiles a pattern, or uses one that is not compiled."""
    return [
        f"{file.relative_to(Path(ml.__path__[0]).parent)}:{call.lineno}"
        for file, tree in trees().items()
        if file.name != "patterns.py"
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and _is_of_re(call.func)
    ]


def _is_of_re(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and (function.value.id in ("re", "re2") and function.attr in {*METHODS, "compile"})
    ) or (isinstance(function, ast.Name) and function.id in ("linear", "bounded"))
