"""Index a folder with the real builder, in this process."""

from pathlib import Path

from ml.index import open_index
from ml.index.build import build_index
from ml.settings import Settings


def index_folder(settings: Settings, folder: Path, name: str | None = None) -> None:
    """Index a folder into the settings' store."""
    store, embedder = open_index(settings)
    build_index(str(folder), store, embedder, name=name, max_file_bytes=settings.max_file_bytes, workers=1)
    store.close()
