"""A LangChain retriever over the index: through a running service, or directly.

from rag_service.langchain import CodeintelRetriever

CodeintelRetriever.of_service("http://127.0.0.1:8321").invoke("where is the retry policy set?")
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from ml.errors import ServeError
from ml.index.store.base import Where
from ml.settings import Settings

LIMIT = 10
SECONDS = 60.0

Search = Callable[[str, Where, int], list[Document]]


class CodeintelRetriever(BaseRetriever):
    """Finds the chunks of code that match a question, best first.

    A document is the chunk's text; its metadata are `repo, file_path, line_start, line_end, language, symbol, score`. Lines
    are 1-based and inclusive. `repos`, `paths` (globs) and `languages` narrow the search.
    """

    search: Search
    limit: int = LIMIT
    repos: Sequence[str] = ()
    paths: Sequence[str] = ()
    languages: Sequence[str] = ()

    @classmethod
    def of_service(cls, url: str, key: str = "", timeout: float = SECONDS, **fields: Any) -> Self:
        """Return a retriever that asks `codeintel serve` at an address. Searches raise ServeError."""
        return cls(search=_service_search(url, key, timeout), **fields)

    @classmethod
    def of_index(cls, settings: Settings | None = None, **fields: Any) -> Self:
        """Return a retriever that opens the configured index in this process. Raise StoreError or EmbedderError."""
        return cls(search=_index_search(settings or Settings()), **fields)

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        where = Where(list(self.repos) or None, list(self.paths) or None, list(self.languages) or None)
        return self.search(query, where, self.limit)


def _index_search(settings: Settings) -> Search:
    from rag_service import wire
    from rag_service.retrieve import open_retriever

    retriever = open_retriever(settings)

    def search(query: str, where: Where, limit: int) -> list[Document]:
        hits = retriever.search(query, where=where, limit=limit)
        return [_document(wire.hit(hit) | {"language": hit.chunk.language}) for hit in hits]

    return search


def _service_search(url: str, key: str, timeout: float) -> Search:
    import httpx

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    client = httpx.Client(base_url=url, headers=headers, timeout=timeout)

    def search(query: str, where: Where, limit: int) -> list[Document]:
        asked = {"query": query, "limit": limit, "repos": where.repos, "paths": where.paths}
        try:
            reply = client.post("/api/search", json=asked | {"languages": where.languages})
        except httpx.HTTPError as error:
            raise ServeError(
                f"no answer from {url} ({error})", "start `codeintel serve`, or name its address"
            ) from error
        if reply.is_error:
            raise ServeError(*_told(reply))
        return list(map(_document, reply.json()))

    return search


def _told(reply: Any) -> tuple[str, str]:
    """Return cause and cure of a refused request."""
    try:
        error = reply.json()["error"]
        return str(error["cause"]), str(error["cure"])
    except (ValueError, KeyError, TypeError):
        return f"{reply.url} answers {reply.status_code}", "name the address of `codeintel serve`"


def _document(found: dict[str, Any]) -> Document:
    return Document(page_content=found.pop("text"), metadata=found)
