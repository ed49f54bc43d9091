"""The table of faults, faults.toml: by family, each fix as a text in a file, and the test that fails without it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("faults.toml")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a family: `with_fix` stands in `file` once, `without` takes the fix back, and `test` fails then."""

    family: str
    name: str
    file: str
    with_fix: str
    without: str
    test: str


def faults(file: Path = FILE) -> list[Fault]:
    """Return the faults in the table's order."""
    families = tomllib.loads(file.read_text())["families"]
    return [Fault(family=each["title"], **fault) for each in families for fault in each["faults"]]
