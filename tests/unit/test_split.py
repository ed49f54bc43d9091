"""The pieces of each language's example: (language, kind, symbol, first line, last line)."""

from pathlib import Path

import pytest

from ml.index.languages import LANGUAGES, language_of
from ml.index.split import MAX_CHARACTERS, MAX_LINES, split

DATA = Path(__file__).with_name("data") / "languages"
EXPECTED: dict[str, list[tuple[str, str, str, int, int]]] = {
    "Dockerfile": [
        ("dockerfile", "section", "build", 1, 2),
        ("dockerfile", "section", "scratch", 4, 5),
    ],
    "Makefile": [
        ("make", "module", "", 1, 1),
        ("make", "section", "test", 3, 4),
    ],
    "Retry.cs": [
        ("csharp", "module", "", 1, 1),
        ("csharp", "class", "Policy", 3, 12),
    ],
    "Retry.java": [
        ("java", "module", "", 1, 1),
        ("java", "class", "Retry", 3, 11),
    ],
    "Retry.kt": [
        ("kotlin", "module", "", 1, 1),
        ("kotlin", "class", "Policy", 3, 4),
        ("kotlin", "function", "retry", 6, 8),
    ],
    "Retry.scala": [
        ("scala", "module", "", 1, 1),
        ("scala", "class", "Policy", 3, 4),
        ("scala", "class", "Retry", 6, 8),
    ],
    "Retry.swift": [
        ("swift", "module", "", 1, 1),
        ("swift", "class", "Policy", 3, 6),
        ("swift", "function", "retry", 8, 10),
    ],
    "Retry.tsx": [
        ("tsx", "module", "", 1, 1),
        ("tsx", "function", "Retry", 3, 5),
    ],
    "compose.yaml": [
        ("yaml", "section", "services", 1, 6),
        ("yaml", "section", "volumes", 7, 8),
    ],
    "deployment.yaml": [
        ("yaml", "block", "Deployment/web", 1, 6),
        ("yaml", "block", "Service/web", 7, 11),
    ],
    "gitlab-ci.yml": [
        ("yaml", "section", "stages", 1, 5),
        ("yaml", "section", "build", 6, 10),
        ("yaml", "section", "test:unit", 11, 14),
    ],
    "guide.md": [
        ("markdown", "section", "Guide", 1, 7),
    ],
    "helm.yaml": [
        ("yaml", "block", 'Deployment/{{ include "x.fullname" . }}', 1, 13),
    ],
    "main.tf": [
        ("hcl", "block", "variable.region", 1, 3),
        ("hcl", "block", "resource.aws_db_instance.main", 5, 8),
    ],
    "playbook.yml": [
        ("yaml", "section", "Install", 1, 5),
        ("yaml", "section", "Second", 6, 7),
    ],
    "prod.tfvars": [
        ("hcl", "section", "a", 1, 2),
    ],
    "retry.c": [
        ("c", "module", "", 1, 1),
        ("c", "class", "policy", 3, 6),
        ("c", "function", "retry", 8, 11),
    ],
    "retry.cpp": [
        ("cpp", "module", "", 1, 3),
        ("cpp", "class", "shop.Policy", 5, 9),
        ("cpp", "function", "shop.retry", 11, 16),
    ],
    "retry.dart": [
        ("dart", "module", "", 1, 1),
        ("dart", "class", "Policy", 3, 6),
        ("dart", "function", "retry", 8, 10),
    ],
    "retry.ex": [
        ("elixir", "class", "Retry", 1, 7),
    ],
    "retry.go": [
        ("go", "module", "", 1, 3),
        ("go", "class", "Policy", 5, 8),
        ("go", "method", "Policy.Wait", 10, 13),
        ("go", "function", "Retry", 15, 17),
    ],
    "retry.hs": [
        ("haskell", "module", "", 1, 1),
        ("haskell", "class", "Policy", 3, 4),
        ("haskell", "function", "retry", 6, 7),
    ],
    "retry.jl": [
        ("julia", "module", "Retry", 1, 1),
        ("julia", "function", "Retry.retry", 3, 7),
    ],
    "retry.js": [
        ("javascript", "module", "", 1, 1),
        ("javascript", "class", "Policy", 3, 7),
        ("javascript", "function", "module.exports.retry", 9, 11),
    ],
    "retry.lua": [
        ("lua", "module", "", 1, 1),
        ("lua", "function", "M.retry", 3, 6),
        ("lua", "module", "", 8, 8),
    ],
    "retry.ml": [
        ("ocaml", "function", "limit", 1, 1),
        ("ocaml", "class", "Policy", 3, 5),
    ],
    "retry.mli": [
        ("ocaml_interface", "function", "run", 1, 2),
        ("ocaml_interface", "class", "t", 3, 3),
    ],
    "retry.php": [
        ("php", "module", "", 1, 1),
        ("php", "class", "Policy", 3, 10),
        ("php", "function", "retry", 12, 15),
    ],
    "retry.proto": [
        ("proto", "module", "", 1, 5),
    ],
    "retry.py": [
        ("python", "module", "", 1, 5),
        ("python", "function", "retry", 8, 11),
        ("python", "class", "Policy", 14, 18),
    ],
    "retry.rb": [
        ("ruby", "module", "", 1, 1),
        ("ruby", "class", "Policy", 3, 8),
    ],
    "retry.rs": [
        ("rust", "module", "", 1, 1),
        ("rust", "class", "Policy", 3, 13),
        ("rust", "function", "retry", 15, 15),
    ],
    "retry.sh": [
        ("bash", "module", "", 1, 2),
        ("bash", "function", "retry", 4, 7),
        ("bash", "module", "", 9, 9),
    ],
    "retry.sql": [
        ("sql", "class", "policy", 1, 4),
        ("sql", "class", "limits", 6, 6),
    ],
    "retry.toml": [
        ("toml", "section", "policy", 1, 2),
    ],
    "retry.ts": [
        ("typescript", "module", "", 1, 1),
        ("typescript", "class", "Policy", 3, 6),
        ("typescript", "function", "retry", 8, 10),
        ("typescript", "function", "wait", 12, 14),
    ],
    "retry.zig": [
        ("zig", "module", "", 1, 1),
        ("zig", "function", "retry", 3, 6),
    ],
    "values.yaml": [
        ("yaml", "section", "replicaCount", 1, 2),
        ("yaml", "section", "image", 3, 6),
        ("yaml", "section", "ingress", 7, 11),
        ("yaml", "section", "resources", 12, 13),
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_is_cut_along_its_symbols(name: str) -> None:
    pieces = split(name, (DATA / name).read_text())

    assert [(one.language, one.kind, one.symbol, one.line_start, one.line_end) for one in pieces] == EXPECTED[name]


def test_every_language_has_an_example() -> None:
    assert set(LANGUAGES) <= {pieces[0][0] for pieces in EXPECTED.values()}


def test_a_large_class_becomes_its_head_and_its_methods() -> None:
    methods = "\n".join(
        f"    def method_{n}(self, value: int) -> int:\n        return value + {n}\n" for n in range(40)
    )
    text = f'class Large(Base):\n    """A large class."""\n\n    field = 1\n\n{methods}'

    head, first, *_ = split("pkg/large.py", text)

    assert (head.kind, head.symbol, head.line_start, head.line_end) == ("class", "Large", 1, 4)
    assert (first.kind, first.symbol, first.line_start, first.line_end) == ("method", "Large.method_0", 6, 7)
    assert first.header == "pkg/large.py > class Large(Base)"


def test_a_long_function_is_cut_where_a_statement_begins() -> None:
    body = "\n".join(f"    if flag_{n}:\n        call_{n}(\n            {n},\n        )" for n in range(40))

    pieces = split("long.py", f"def long(flags):\n{body}\n")

    assert len(pieces) > 1
    assert {piece.symbol for piece in pieces} == {"long"}
    assert all(piece.text.startswith("    if flag_") for piece in pieces[1:])
    assert all(piece.header == "long.py > def long(flags)" for piece in pieces[1:])
    assert all(piece.text.count("\n") < MAX_LINES and len(piece.text) <= MAX_CHARACTERS for piece in pieces)


def test_a_long_statement_is_cut_where_a_statement_in_it_begins() -> None:
    body = "\n".join(f"        # Step {n}.\n        call_{n}(\n            {n},\n        )" for n in range(40))

    pieces = split("long.py", f"def long(flags):\n    with flags:\n{body}\n")

    assert len(pieces) > 1
    assert all(piece.text.startswith("        # Step") for piece in pieces[1:])


def test_a_trailing_comment_does_not_belong_to_the_next_symbol() -> None:
    first, second = split("a.py", "limit = 1  # how often\ndef named():\n    pass\n")

    assert (first.line_end, second.line_start, second.symbol) == (1, 2, "named")


def test_joined_names_are_in_the_header() -> None:
    piece = split("values.yaml", (DATA / "values.yaml").read_text())[-1]

    assert piece.header == "values.yaml > nodeSelector"


def test_definitions_on_one_line_are_not_nested() -> None:
    [piece] = split("a.js", "function a() {} function b() {}\n")

    assert piece.symbol == "a"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.js", "function a(){\n" * 2000),
        ("a.yaml", "".join(" " * n + "a:\n" for n in range(400))),
        ("a.yaml", "- " * 400),
        ("a.yaml", "{{ a\n" * 100_000),
        ("a.yaml", "{% a\n" * 100_000),
        ("a.py", "(" * 50_000),
        ("a.py", "x = 1\n" + "(" * 50_000),
    ],
)
def test_a_text_that_defeats_the_grammar_is_still_split(path: str, text: str) -> None:
    pieces = split(path, text)

    assert sum(piece.text.count("a") + piece.text.count("(") for piece in pieces) == text.count("a") + text.count("(")


def test_decorators_and_comments_stay_with_their_symbol() -> None:
    [_, piece] = split("a.py", "import a\n\n\n# Why it is so.\n@first\n@second(1)\ndef named():\n    pass\n")

    assert (piece.symbol, piece.line_start, piece.line_end) == ("named", 4, 8)


def test_a_line_over_the_size_limit_stays_whole() -> None:
    pieces = split("data.txt", f"short\n{'x' * 3 * MAX_CHARACTERS}\nshort")

    assert [(piece.line_start, piece.line_end) for piece in pieces] == [(1, 1), (2, 2), (3, 3)]


def test_only_a_line_feed_ends_a_line() -> None:
    [piece] = split("odd.txt", "one\u2028still one\x0cstill one\rstill one\ntwo")

    assert (piece.line_start, piece.line_end) == (1, 2)


@pytest.mark.parametrize(
    ("path", "text", "language"),
    [
        ("bin/run", "#!/usr/bin/env python3\n", "python"),
        ("bin/run", "#!/bin/sh -e\n", "bash"),
        ("bin/run", "#!/usr/bin/env -S node --flag\n", "javascript"),
        ("include/a.h", "struct a { int b; };\n", "c"),
        ("include/a.h", "namespace a {\n}\n", "cpp"),
        ("Dockerfile.dev", "FROM scratch\n", "dockerfile"),
        ("A.PY", "", "python"),
        ("notes", "nothing to go by", ""),
    ],
)
def test_the_language_is_detected_by_name_or_first_line(path: str, text: str, language: str) -> None:
    assert language_of(path, text) == language
