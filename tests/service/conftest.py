"""Fixtures of the service's tests: an index of a small shop, built once by the real builder."""

from collections.abc import Iterator

import openai
import pytest

from ml.settings import Settings
from tests.support.indexing import index_folder
from tests.support.service import serving
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


@pytest.fixture(scope="module")
def openai_url(indexed: Settings) -> Iterator[str]:
    """The address of the OpenAI-compatible API of a service over the shop."""
    with serving(indexed) as address:
        yield f"{address}/v1"


@pytest.fixture(scope="module")
def openai_client(openai_url: str) -> Iterator[openai.OpenAI]:
    """OpenAI's own client of that API."""
    with openai.OpenAI(base_url=openai_url, api_key="any", max_retries=0) as opened:
        yield opened
