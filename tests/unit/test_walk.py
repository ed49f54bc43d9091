"""The walkthrough: the same small function in each language, and sentences whose code stands on the cited lines."""

import importlib
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.index.chunk import Chunk, digest
from ml.index.languages import LANGUAGES, language_of
from ml.index.languages.definitions import Definition, read_syntax
from ml.index.store.base import Where
from rag_service.answer.code.lines import LineMatcher
from rag_service.answer.question import Asked
from rag_service.answer.walk.spans import GAP, cut
from rag_service.answer.walk.story import Walkthrough

DATA = Path(__file__).parent / "data"
SAMPLES = sorted((DATA / "walk").iterdir())
SPAN = re.compile(r"(`+) ?(.+?) ?\1(?!`)")
MARK = re.compile(r"\[(\d+)-(\d+)\]")
WITHOUT_CODE = {"dockerfile", "hcl", "make", "markdown", "ocaml_interface", "sql", "toml", "yaml"}
LIBRARIES = ("click", "jinja2", "httpx", "langchain_core")
MOST_FUNCTIONS = 60


def chunks_of(path: Path, text: str) -> Iterator[Chunk]:
    """Yield every symbol of a file, whole."""
    name = language_of(path.name, text)
    syntax = read_syntax(LANGUAGES[name], text.encode())
    lines = text.split("\n")

    def chunk(one: Definition) -> Chunk:
        body = "\n".join(lines[one.start : one.end + 1])
        place = ("shop", "", path.name, one.start + 1, one.end + 1)
        return Chunk(*place, name, one.symbol, one.kind, body, digest(body.encode()))

    def below(found: list[Definition]) -> Iterator[Chunk]:
        for one in found:
            if one.kind in {"class", "function", "method"}:
                yield chunk(one)
            yield from below(one.children)

    return below(syntax.definitions if syntax else [])


def walk(chunk: Chunk, question: str, known: list[Chunk] | None = None) -> str:
    """Return the walkthrough of a chunk, with the marks `[first-last]`."""
    matcher = LineMatcher((), question.lower().split(), [chunk])
    asked = Asked.of(question, Where())
    return Walkthrough(asked, matcher, known or [], lambda _, first, last: f"[{first}-{last}]").markdown(chunk)


def function(path: Path) -> Chunk:
    """Return the first function of a sample."""
    return next(chunk for chunk in chunks_of(path, path.read_text()) if chunk.kind != "class")


def squeezed(text: str) -> str:
    """Return a text without white space."""
    return "".join(text.split())


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - WITHOUT_CODE))
def test_every_node_type_of_a_table_exists_in_the_grammar(language: str) -> None:
    from tree_sitter import Language as Grammar

    about = LANGUAGES[language]
    grammar = Grammar(getattr(importlib.import_module(about.grammar), about.factory)())
    assert about.walk.roles
    assert [kind for kind in about.walk.roles if not grammar.id_for_node_kind(kind, True)] == []


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.suffix[1:])
def test_the_same_logic_is_told_in_every_language(path: Path) -> None:
    told = walk(function(path), "how is a card charged?")
    condition = re.search(
        r"1?\.? ?(?:If|Unless) `[^`]*amount[^`]*0[^`]*`, it (?:raises|throws|fails with|returns|calls) `", told
    )
    assert condition, told
    assert re.search(r"`[^`]*send[^`]*`", told, re.IGNORECASE), told
    assert "eceipt" in told


def test_a_sentence_joins_what_belongs_together() -> None:
    told = walk(function(DATA / "walk" / "charge.py"), "how is a card charged?").split("\n")
    assert told[0] == "What it does, in order:"
    assert told[2] == '1. If `amount <= 0`, it raises `ValueError("nothing to charge")` (lines 4–5) [4-5].'
    assert told[3] == "2. For each `attempt` in `range(retries)` (line 6) [6-6]:"
    assert told[4] == (
        "   - In a try block, it gets `receipt` from `self.gateway.send(self.card, amount)`; on `TimeoutError as error`, "
        'it calls `log("slow", attempt)` and goes on with the next round (lines 7–11) [7-11].'
    )
    assert told[-1] == "3. At the end, it returns `None` (line 14) [14-14]."


def test_a_russian_question_gets_russian_sentences() -> None:
    told = walk(function(DATA / "walk" / "charge.py"), "Как списываются деньги с карты?")
    assert '1. Если `amount <= 0`, то бросает `ValueError("nothing to charge")` (строки 4–5) [4-5].' in told
    assert "при `TimeoutError as error`, вызывает" in told
    assert told.endswith("3. В конце возвращает `None` (строка 14) [14-14].")


def test_a_class_tells_its_constructor_and_its_methods() -> None:
    text = '''class Till(Drawer):
    """A drawer with money."""

    currency = "EUR"

    def __init__(self, coins):
        self.coins = coins

    def total(self):
        """Add up the coins."""
        return sum(self.coins)

    def clear(self):
        if not self.coins:
            raise Empty(self)
'''
    chunk = next(chunk for chunk in chunks_of(Path("till.py"), text) if chunk.kind == "class")
    told = walk(chunk, "what is a till?")
    assert "It defines `currency` [4-4]." in told
    assert "`__init__` sets `self.coins` [6-7]." in told
    assert "- `total`: Add up the coins [9-10]." in told
    assert "- `clear`: if `not self.coins`, it raises `Empty(self)` [13-15]." in told


def test_a_call_is_explained_by_its_definition_and_by_what_it_raises() -> None:
    text = '''def check(order):
    """Check an order."""
    if not order.lines:
        raise ValueError("empty")


def place(order):
    check(order)
    order.save()
'''
    known = list(chunks_of(Path("orders.py"), text))
    told = walk(known[1], "what happens when an order is wrong?", known)
    assert (
        '   - `check` (`orders.py:1`): Check an order [1-2]. If `not order.lines`, it raises `ValueError("empty")` [3-4].'
        in told
    )


def test_a_long_function_is_told_within_its_words() -> None:
    body = "\n".join(f"    value_{number} = compute_{number}(first, second)" for number in range(200))
    text = f"def long(first, second):\n{body}\n    if first:\n        raise ValueError(first)\n    return value_1\n"
    told = walk(next(chunks_of(Path("long.py"), text)), "how does it work?")
    assert len(told.split()) < 450
    assert "raises `ValueError(first)`" in told
    assert "returns `value_1`" in told


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("rate(errors_total[5m])", "rate(errors_total[5m])"),
        ("store.put(first_argument, second_argument, third)", f"store.put(first_argument, {GAP})"),
        ("a" * 60, "a" * 38 + f" {GAP}"),
    ],
)
def test_code_is_verbatim_and_cut_visibly(code: str, shown: str) -> None:
    assert cut(code, 40) == shown


def real_functions() -> Iterator[tuple[Chunk, list[Chunk], list[str]]]:
    """Yield functions and classes of installed packages and of the samples of each language, with those of their file and its lines."""
    packages = Path(sysconfig.get_path("purelib"))
    files = [file for name in LIBRARIES for file in sorted((packages / name).glob("*.py"))]
    samples = [*(DATA / "languages").iterdir(), *SAMPLES, *(DATA / "definitions").iterdir()]
    for file in [*files, *(file for file in samples if language_of(file.name, "") in LANGUAGES)]:
        text = file.read_text(encoding="utf-8")
        known = list(chunks_of(file, text))
        yield from ((chunk, known, text.split("\n")) for chunk in known[:MOST_FUNCTIONS])


def test_what_stands_beside_a_mark_stands_on_its_lines() -> None:
    found = list(real_functions())
    assert len(found) > 500
    for number, (chunk, known, lines) in enumerate(found):
        told = walk(chunk, ("how does it work, what if it fails?", "Как это работает?")[number % 2], known)
        for line in told.split("\n"):
            marks = [(int(first), int(last)) for first, last in MARK.findall(line)]
            cited = squeezed("".join("".join(lines[first - 1 : last]) for first, last in marks))
            for _, code in SPAN.findall(line) if marks else ():
                missing = [part for part in code.split(GAP) if squeezed(part) not in cited]
                assert not missing or code.startswith(f"{chunk.file_path}:"), (
                    f"{chunk.file_path} {chunk.symbol}: {line}"
                )
