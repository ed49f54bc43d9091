"""Finds every regular expression of the product by walking its modules, with the ways each is used."""

import ast
import dataclasses
import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from types import BuiltinMethodType, MethodType
from typing import Any

import ml
import rag_service
from ml.patterns import Bounded, linear

PACKAGES = (ml, rag_service)
PREFIXES = ("ml.", "rag_service.")
ROOT = Path(ml.__path__[0]).parent
LINEAR = type(linear("a"))
METHODS = frozenset(("search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split"))
ANY = frozenset({"search", "finditer"})  # for a pattern in a table
FUNCTIONS = frozenset({*METHODS, "compile"})
COMPILERS = {"re": FUNCTIONS, "re2": FUNCTIONS, "ml.patterns": frozenset({"linear", "bounded"})}
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
    """Return every pattern that a module of the product holds, by itself, in its tables or in its classes."""
    found: dict[int, Found] = {}
    for module in modules():
        for name, value in vars(module).items():
            for place, compiled in _within(f"{module.__name__}.{name}", value, DEPTH):
                known = found.get(id(compiled))
                methods = _methods().get(place, frozenset()) | (known.methods if known else frozenset())
                found[id(compiled)] = Found(known.place if known else place, compiled, methods)
    return sorted((replace(one, methods=one.methods or ANY) for one in found.values()), key=lambda one: one.place)


def _within(place: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, re.Pattern | Bounded | LINEAR):
        yield place, value
        return
    for part, inner in _parts(value) if depth else ():
        yield from _within(place + part, inner, depth - 1)


def _parts(value: Any) -> Iterable[tuple[str, Any]]:
    """Return what a value holds that may hold a pattern, and what to add to the value's place for it."""
    if isinstance(value, dict):
        return ((f"[{key!r}]", inner) for key, inner in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ((f"[{number}]", inner) for number, inner in enumerate(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return ((f".{field.name}", getattr(value, field.name, None)) for field in dataclasses.fields(value))
    if isinstance(value, BuiltinMethodType | MethodType):
        return [(".__self__", value.__self__)]
    if isinstance(value, partial):
        return [(".args", value.args), (".keywords", value.keywords)]
    if isinstance(value, type) and value.__module__.startswith(PREFIXES):
        return ((f".{name}", inner) for name, inner in vars(value).items())
    return ()


@cache
def trees() -> dict[Path, ast.Module]:
    """Return the syntax tree of every file of the product."""
    folders = [Path(package.__path__[0]) for package in PACKAGES]
    return {file: ast.parse(file.read_text()) for folder in folders for file in sorted(folder.rglob("*.py"))}


@cache
def _methods() -> dict[str, frozenset[str]]:
    """Return for each global name of a module the methods of a pattern that are called on it in that module."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for file, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in METHODS and isinstance(node.value, ast.Name):
                found[f"{_module_name(file)}.{node.value.id}"].add(node.attr)
    return {name: frozenset(methods) for name, methods in found.items()}


def _module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def compiled_in_functions() -> list[str]:
    """Return the places where a function compiles a pattern, or uses one that is not compiled."""
    return sorted(
        f"{file.relative_to(ROOT)}:{call.lineno}"
        for file, tree in trees().items()
        if file.name != "patterns.py"
        for compilers in [_compilers(tree)]
        for call in _calls_in_functions(tree)
        if _is_of_re(call.func, compilers)
    )


def _calls_in_functions(tree: ast.Module) -> set[ast.Call]:
    functions = (
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    )
    return {call for function in functions for call in ast.walk(function) if isinstance(call, ast.Call)}


def _compilers(tree: ast.Module) -> set[str]:
    """Return the names of this file that compile or use a pattern by themselves: `linear`, or `compile` of `re`."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    wanted = (
        (node, name) for node in imports for name in node.names if name.name in COMPILERS.get(str(node.module), ())
    )
    return {name.asname or name.name for _, name in wanted}


def _is_of_re(function: ast.expr, compilers: set[str]) -> bool:
    if isinstance(function, ast.Name):
        return function.id in compilers
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id in ("re", "re2")
        and function.attr in FUNCTIONS
    )
