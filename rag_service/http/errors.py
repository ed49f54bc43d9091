"""Errors as JSON: `{"error": {cause, cure}}`, or OpenAI's form under /v1."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ml.errors import ChatMissingError, CodeIntelError, ParameterError, QuestionError, SourceError

OPENAI_PREFIX = "/v1/"
CURES = {
    400: "see /docs for the requests that this service accepts",
    401: "send the header `Authorization: Bearer KEY` with the service's key",
    403: "call it as localhost, or start it with a key (CODEINTEL_API_KEY)",
    404: "see /docs for the available paths",
    405: "see /docs for the available methods",
    413: "send less at once",
    429: "retry after the number of seconds in Retry-After",
    500: "see the service's log",
    503: "ask again in a moment",
}
CLIENT_LEFT = 499
OPENAI_TYPES = {401: "authentication_error", 429: "rate_limit_error", 500: "server_error", 503: "server_error"}
OPENAI_CODES = {401: "invalid_api_key", 404: "not_found"}
MODEL, MODEL_CODE = "model", "model_not_found"


def status_of(error: CodeIntelError) -> int:
    """Return the HTTP status of one of our errors: bad request, not found, or service unavailable."""
    match error:
        case QuestionError():
            return 400
        case SourceError() | ChatMissingError():
            return 404
        case _:
            return 503


def error_body(path: str, status: int, cause: str, cure: str, param: str | None = None) -> dict[str, Any]:
    """Return the body of an error, in the form that clients of this path expect."""
    if not path.startswith(OPENAI_PREFIX):
        return {"error": {"cause": cause, "cure": cure}}
    return {"error": openai_error(status, cause, cure, param)}


def openai_error(status: int, cause: str, cure: str, param: str | None = None) -> dict[str, str | None]:
    """Return an error in OpenAI's form."""
    kind = OPENAI_TYPES.get(status, "invalid_request_error")
    code = MODEL_CODE if status == 404 and param == MODEL else OPENAI_CODES.get(status)
    return {"message": f"{cause}: {cure}", "type": kind, "param": param, "code": code}


def error_response(
    path: str,
    status: int,
    cause: str,
    cure: str | None = None,
    headers: Mapping[str, str] | None = None,
    param: str | None = None,
) -> JSONResponse:
    """Return the response for an error; the default cure depends on the status."""
    body = error_body(path, status, cause, cure or CURES.get(status, CURES[400]), param)
    return JSONResponse(body, status, headers={"WWW-Authenticate": "Bearer"} if status == 401 else headers)


def install(app: FastAPI) -> None:
    """Make the application answer every error with one line of JSON."""
    app.exception_handler(CodeIntelError)(_handle_expected)
    app.exception_handler(HTTPException)(_handle_http)
    app.exception_handler(RequestValidationError)(_handle_invalid)
    app.exception_handler(ClientDisconnect)(_handle_disconnect)
    app.exception_handler(Exception)(_handle_unexpected)


def _handle_expected(request: Request, error: CodeIntelError) -> JSONResponse:
    return error_response(request.url.path, status_of(error), error.cause, error.cure, param=param_of(error))


def param_of(error: CodeIntelError) -> str | None:
    """Return the name of the parameter that an error is about, if it is about one."""
    match error:
        case ParameterError(param=param):
            return param
        case SourceError():
            return MODEL  # under /v1 nothing else is looked up
        case _:
            return None


def _handle_http(request: Request, error: HTTPException) -> JSONResponse:
    return error_response(request.url.path, error.status_code, error.detail, headers=error.headers)


def _handle_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    status = 400 if request.url.path.startswith(OPENAI_PREFIX) else 422
    return error_response(request.url.path, status, f"{place}: {first['msg']}", CURES[400], param=place)


def _handle_disconnect(_request: Request, _error: ClientDisconnect) -> Response:
    return Response(status_code=CLIENT_LEFT)  # nobody reads it: for the metrics


def _handle_unexpected(request: Request, error: Exception) -> JSONResponse:
    return error_response(request.url.path, 500, f"internal error ({type(error).__name__})")
