"""Stores of chunks and their vectors: a folder (Qdrant Edge) or a Qdrant server, behind one interface."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml.index.store.base import Store


def open_store(
    location: str, embedder_name: str, dimension: int, *, api_key: str | None = None, shards: int = 1, replicas: int = 1
) -> "Store":
    """Open the index in a folder, or at the http(s) URL of a Qdrant server.

    `shards` and `replicas` apply to a new collection on a server. An empty store can be opened for `update`; reading it
    raises StoreMissingError. Raise StoreVersionError, StoreEmbedderError and StoreCorruptError for an unusable folder. The
    first request to a server is sent on first use, so only then does an unavailable one raise.
    """
    if location.startswith(("http://", "https://")):
        from ml.index.store.server.server import Layout, open_server

        return open_server(location, embedder_name, dimension, api_key=api_key, layout=Layout(shards, replicas))
    from ml.index.store.embedded.edge import EdgeStore

    return EdgeStore(Path(location).expanduser(), embedder_name, dimension)
