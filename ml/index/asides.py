"""Files that are rarely the answer to a question: tests, documentation, examples, vendored code, lists of names."""

import re
from functools import lru_cache
from pathlib import PurePosixPath

ASIDE = {
    "tests": re.compile(r"tests?|testing|specs?|fixtures|__tests__|testdata|e2e|mocks|__mocks__|testutils?"),
    "docs": re.compile(r"docs?|documentation|docs_src|changelogs?"),
    "examples": re.compile(r"_?examples?|samples?|demos?|bench|benchmarks?|tutorials?"),
    "": re.compile(r"_?vendor|third_?party|node_modules|externals?|deps|legacy|deprecated|\..+"),
}
TEST_FILE = re.compile(r"^test_|_(?:test|spec)s?$|[a-z](?:Tests?|Spec)$|\.(?:test|spec)$")
PROSE = frozenset((".md", ".rst", ".txt", ".mdx", ".adoc"))
DECLARATIONS = frozenset(("__init__.py", "__init__.pyi", "conftest.py"))


@lru_cache(maxsize=65_536)
def asides(path: str) -> frozenset[str]:
    """Return the reasons why a file is unlikely to answer a question, as keys of ASIDE."""
    lower = PurePosixPath(path.lower())
    found = {kind for kind, signs in ASIDE.items() if any(map(signs.fullmatch, lower.parts[:-1]))}
    if TEST_FILE.search(PurePosixPath(path).stem):
        found.add("tests")
    if lower.suffix in PROSE:
        found.add("docs")
    if lower.name in DECLARATIONS:
        found.add("")
    return frozenset(found)
