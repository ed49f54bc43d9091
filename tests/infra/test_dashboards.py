"""The dashboards: the files in platform/dashboards match the code."""

import json
from pathlib import Path

import pytest

from infra.dashboards.__main__ import DASHBOARDS, FOLDER, write


def test_the_files_match_the_code(tmp_path: Path) -> None:
    write(tmp_path)
    drawn = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert drawn == {path.name: path.read_text() for path in FOLDER.glob("*.json")}, "run `python -m infra.dashboards`"


@pytest.mark.parametrize("make", DASHBOARDS, ids=lambda make: make.__name__)
def test_each_panel_has_a_query_and_a_description(make: object) -> None:
    assert callable(make)
    board = json.loads(make())
    panels = [each for each in board["panels"] if each["type"] != "row"]
    assert len(panels) >= 3
    for each in panels:
        assert each["description"], each["title"]
        assert all(target["expr"] for target in each["targets"]), each["title"]
    assert len({each["title"] for each in panels}) == len(panels)
