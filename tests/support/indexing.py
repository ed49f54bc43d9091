"""Index a folder with the real builder, in this process."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ml.index import open_index
from ml.index.build import build_index
from ml.settings import Settings
from rag_service.answer.assistant import Assistant, open_assistant
from tests.support.git import unindented, write_files


def index_folder(settings: Settings, folder: Path, name: str | None = None) -> None:
    """Index a folder into the settings' store."""
    store, embedder = open_index(settings)
    build_index(str(folder), store, embedder, name=name, max_file_bytes=settings.max_file_bytes, workers=1)
    store.close()


@contextmanager
def assistant_over(files: Mapping[str, str], name: str, folder: Path) -> Iterator[Assistant]:
    """Open an assistant without an LLM over files, written and indexed below a folder as the repository `name`."""
    root = write_files(folder / name, unindented(files))
    settings = Settings(store=str(folder / "store"), data_dir=str(folder / "data"), llm="none")
    index_folder(settings, root, name)
    with open_assistant(settings) as opened:
        yield opened
