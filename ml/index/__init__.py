"""Index repositories: split into chunks, embed, store in Qdrant. Only this package knows the collection's schema."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml.index.embedder.base import Embedder
    from ml.index.store.base import Store
    from ml.settings import Settings


def open_index(settings: "Settings") -> "tuple[Store, Embedder]":
    """Open the configured store and embedder. Raise StoreEmbedderError if the index was built with another embedder."""
    from ml.index.embedder import open_embedder
    from ml.index.store import open_store

    embedder = open_embedder(settings)
    key = settings.store_api_key.get_secret_value() if settings.store_api_key else None
    store = open_store(
        settings.store,
        embedder.name,
        embedder.dimension,
        api_key=key,
        shards=settings.store_shards,
        replicas=settings.store_replicas,
    )
    return store, embedder
