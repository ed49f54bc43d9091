"""Staged data of a failed first run can be removed: no secret or foreign code has to stay."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ml.errors import StoreMissingError
from ml.index import open_index
from ml.index.build import build_index
from ml.settings import Settings, get_settings
from rag_service.cli import cli

SECRET = "a_line_that_has_to_go"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a store in which one repository was staged and never published."""
    folder = tmp_path / "store"
    monkeypatch.setenv("CODEINTEL_STORE", str(folder))
    get_settings.cache_clear()
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "charge.py").write_text(f"{SECRET} = 1\n")
    opened, embedder = open_index(Settings())
    with pytest.raises(KeyboardInterrupt):
        build_index(str(tmp_path / "shop"), opened, embedder, max_file_bytes=1_000, workers=1, progress=stop)
    opened.close()
    assert holds(folder, SECRET)
    return folder


def stop(stage: str, files: int, total: int, chunks: int) -> None:
    """Stop the run once everything is staged and nothing published."""
    if stage == "publish":
        raise KeyboardInterrupt


def holds(folder: Path, text: str) -> bool:
    return any(text.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_leftovers_of_a_failed_first_run_are_removed(store: Path) -> None:
    done = CliRunner().invoke(cli, ["remove", "shop"], catch_exceptions=False)
    assert done.output == "removed shop\n"
    assert not holds(store, SECRET)
    for command in (["repos"], ["remove", "shop"]):  # nothing is indexed there, as before that run
        assert isinstance(CliRunner().invoke(cli, command).exception, StoreMissingError)
