"""Errors of an OpenAI-compatible endpoint: every exception of its client becomes a ModelError."""

from collections.abc import Iterator
from contextlib import contextmanager

import openai

from ml.circuit_breaker import parse_retry_after
from ml.errors import ModelError

TRANSIENT_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
AWAY_STATUS = frozenset({502, 503, 504})
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 8.0

# What the client and LangChain raise if a reply is JSON but not in OpenAI's format.
GARBAGE = (ValueError, TypeError, KeyError, AttributeError, IndexError)


@contextmanager
def translated() -> Iterator[None]:
    """Translate errors of the OpenAI client, and of LangChain parsing its reply, into ModelError."""
    try:
        yield
    except openai.OpenAIError as error:
        raise _translation(error) from error
    except GARBAGE as error:
        raise ModelError(
            "its reply is not in OpenAI's form", "check that llm_url is an OpenAI-compatible endpoint"
        ) from error


def _translation(error: openai.OpenAIError) -> ModelError:
    match error:
        case openai.APITimeoutError():
            return ModelError("it did not answer in time", "increase llm_timeout, or check the endpoint's load")
        case openai.APIConnectionError():
            return ModelError(
                f"no connection: {_first_line(str(_root(error)))}", "check llm_url and that the endpoint runs"
            )
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return ModelError(f"it rejects the key, status {error.status_code}", "set llm_api_key")
        case openai.NotFoundError():
            return ModelError("it does not know the model, status 404", "check llm_model and that llm_url ends in /v1")
        case openai.APIStatusError():
            return ModelError(f"status {error.status_code}: {_first_line(error.message)}", "look at the endpoint's log")
        case _:
            return ModelError(f"it reports an error: {_first_line(str(error))}", "look at the endpoint's log")


def _root(error: BaseException) -> BaseException:
    """Return the root cause: clients wrap each other's errors."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return error


def _first_line(message: str, length: int = 200) -> str:
    return " ".join(message.split())[:length]


def is_unavailable(error: ModelError) -> bool:
    """Return whether an endpoint is down, or only its proxy answers, so that retrying at once is pointless."""
    foreign = error.__cause__
    status = foreign.status_code if isinstance(foreign, openai.APIStatusError) else None
    return isinstance(foreign, openai.APIConnectionError) or status in AWAY_STATUS


def pause_before_retry(error: ModelError, attempt: int) -> float | None:
    """Return the seconds to wait before the next attempt, or None if retrying can't help.

    The pause doubles from FIRST_PAUSE; a Retry-After header is honoured up to LONGEST_PAUSE.
    """
    foreign = error.__cause__
    if isinstance(foreign, openai.APITimeoutError):
        return None
    pause = min(FIRST_PAUSE * 2.0**attempt, LONGEST_PAUSE)
    if isinstance(foreign, openai.APIConnectionError):
        return pause
    if not isinstance(foreign, openai.APIStatusError) or foreign.status_code not in TRANSIENT_STATUS:
        return None
    return parse_retry_after(foreign.response.headers.get("retry-after", ""), pause, LONGEST_PAUSE)
