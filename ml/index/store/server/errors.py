"""Translation of a Qdrant server's errors: every error of the client becomes a StoreError."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from ml.errors import StoreAwayError, StoreError, StoreFullError, StoreMissingError

AWAY_STATUS = frozenset({502, 503, 504})
LONGEST = 200  # characters of a server's message


@contextmanager
def translate_errors(place: str) -> Iterator[None]:
    """Translate the client's errors about the server at `place` into StoreError with a cause and a cure."""
    try:
        yield
    except ResponseHandlingException as error:
        raise _no_reply(place, error.source) from error
    except UnexpectedResponse as error:
        raise _rejected(place, error) from error
    except (ApiException, QdrantException) as error:
        raise StoreError(
            f"the Qdrant server at {place} rejects the request ({_line(str(error))})", "try again later"
        ) from error
    except (ValueError, AssertionError) as error:  # the client's error for an unreadable reply
        raise not_qdrant(place) from error


def not_qdrant(place: str) -> StoreError:
    """Return the error for an address at which something other than Qdrant answers."""
    return StoreError(f"the server at {place} is not a Qdrant server", "correct --store (CODEINTEL_STORE)")


def _no_reply(place: str, source: Exception) -> StoreError:
    if isinstance(source, ValueError):  # a malformed reply
        return not_qdrant(place)
    why = _line(str(source)) or type(source).__name__
    return StoreAwayError(
        f"the Qdrant server at {place} does not answer ({why})", "start it, or choose another store with --store"
    )


def _rejected(place: str, error: UnexpectedResponse) -> StoreError:
    status, said = error.status_code, _server_message(error)
    if status == 401:
        return StoreError(f"the Qdrant server at {place} rejects the key", "set CODEINTEL_STORE_API_KEY")
    if status == 403:
        return StoreError(
            f"the Qdrant server at {place} does not allow writes with this key ({said})",
            "set CODEINTEL_STORE_API_KEY to a key with write access",
        )
    if status in AWAY_STATUS:
        return StoreAwayError(
            f"the Qdrant server at {place} does not answer (status {status})", "start it, or check its log"
        )
    if status == 404 and said:
        return StoreMissingError(f"the index at {place} is gone ({said})", "run: codeintel index PATH_OR_URL")
    if status == 404:
        return not_qdrant(place)
    if status == 507 or "No space left" in said:
        return StoreFullError(
            f"the Qdrant server at {place} has no free disk space ({said})",
            "add disk space, then run the command again",
        )
    return StoreError(
        f"the Qdrant server at {place} rejects the request ({said or f'status {status}'})", "check its log"
    )


def _server_message(error: UnexpectedResponse) -> str:
    """Return the server's own message, or "" if the reply is not Qdrant's."""
    try:
        return _line(str(json.loads(error.content)["status"]["error"]))
    except (ValueError, KeyError, TypeError):
        return ""


def _line(text: str) -> str:
    return " ".join(text.split())[:LONGEST]
