"""Fixtures of the service's tests: an index of a small shop, built once by the real builder."""

import pytest

from ml.settings import Settings
from tests.support.indexing import index_folder
from tests.support.shop import write_shop


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return settings whose store contains the repository "shop" (`tests.support.shop`), without an LLM; treat it as read-only."""
    root = tmp_path_factory.mktemp("shop")
    write_shop(root)
    settings = Settings(
        store=str(tmp_path_factory.mktemp("store")), data_dir=str(tmp_path_factory.mktemp("data")), llm="none"
    )
    index_folder(settings, root, "shop")
    return settings
