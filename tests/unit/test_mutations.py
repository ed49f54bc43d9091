"""The table of faults is in step with the code, and the runner sees a fault that no test finds."""

import ast
from pathlib import Path

import pytest

from tests.mutations.run import Copy, Outcome
from tests.mutations.table import Fault, faults
from tests.support.git import make_repository
from tests.support.tree import ROOT

TABLE = faults()
CHECKED = {
    "price.py": "DISCOUNT = 10\nVAT = 20\n",
    "test_price.py": "from price import DISCOUNT\n\n\ndef test_discount() -> None:\n    assert DISCOUNT == 10\n",
}


def test_each_family_has_faults_and_each_fault_a_name() -> None:
    assert len({each.family for each in TABLE}) == 14
    assert len({each.name for each in TABLE}) == len(TABLE)


@pytest.mark.parametrize("fault", TABLE, ids=lambda each: each.name)
def test_a_fix_stands_in_its_file_once(fault: Fault) -> None:
    assert (ROOT / fault.file).read_text().count(fault.with_fix) == 1
    assert fault.without != fault.with_fix


@pytest.mark.parametrize("test", sorted({each.test for each in TABLE}))
def test_each_test_of_the_table_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    functions = [each for each in ast.parse((ROOT / file).read_text()).body if isinstance(each, ast.FunctionDef)]
    assert not name or name.partition("[")[0] in {each.name for each in functions}


@pytest.mark.parametrize(
    ("with_fix", "test", "outcome"),
    [
        ("DISCOUNT = 10", "test_price.py", Outcome.KILLED),
        ("VAT = 20", "test_price.py", Outcome.SURVIVED),
        ("VAT = 19", "test_price.py", Outcome.BROKEN),
        ("VAT = 20", "test_price.py::test_vat", Outcome.BROKEN),
    ],
)
def test_a_fault_is_judged_by_its_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_fix: str, test: str, outcome: Outcome
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # some take seconds to import
    monkeypatch.setenv("PYTEST_PLUGINS", "pytest_timeout")
    copy = Copy(tmp_path / "copy", make_repository(tmp_path / "shop", CHECKED))
    fault = Fault("prices", "a price", "price.py", with_fix, with_fix.replace("0", "1"), test)

    assert copy.judge(fault).outcome is outcome
    assert (copy.folder / "price.py").read_text() == CHECKED["price.py"]
