import re
from collections.abc import Iterator

import ml.errors
from ml.errors import CodeIntelError


def tree(error: type[CodeIntelError]) -> Iterator[str]:
    yield error.__name__
    for below in error.__subclasses__():
        yield from tree(below)


def test_the_docstring_lists_every_error() -> None:
    drawn = re.findall(r"\b(CodeIntelError|\w+Error)\b", (ml.errors.__doc__ or "").split("Each carries")[0])

    assert sorted(drawn) == sorted(tree(CodeIntelError))


def test_an_error_reads_as_cause_and_cure() -> None:
    error = CodeIntelError("no index here", "run: codeintel index PATH")

    assert str(error) == "no index here: run: codeintel index PATH"
