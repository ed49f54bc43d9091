"""Access control: the API key, allowed host names, and security headers for browsers."""

import hmac
import ipaddress

from fastapi.security import HTTPBearer
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml.errors import ServeError
from ml.settings import Settings
from rag_service.http.errors import error_response

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

# Only for the API documentation: RequireKey does the check.
bearer = HTTPBearer(auto_error=False, description="the key in CODEINTEL_API_KEY; not needed if none is set")


# Paths that show no code: the page, which asks for the key itself, the documentation, and a cluster's probes.
OPEN_PATHS = frozenset(("/", "/file", "/docs", "/openapi.json", "/favicon.ico", "/healthz", "/readyz", "/metrics"))
OPEN_FOLDER = "/assets/"


def key_of(settings: Settings) -> bytes | None:
    """Return the key that callers have to send, or None. Raise ServeError for a key that can't be sent in a header."""
    if settings.api_key is None:
        return None
    key = settings.api_key.get_secret_value()
    if not key or not all("!" <= letter <= "~" for letter in key):
        raise ServeError(
            "the key in CODEINTEL_API_KEY can't be sent in a header",
            "set a key of ASCII letters, digits and punctuation, for example the output of `openssl rand -hex 32`",
        )
    return key.encode()


def check_exposure(settings: Settings, host: str, *, allow_anonymous: bool = False) -> None:
    """Raise ServeError if other machines could access the service without a key, or its key can't be sent."""
    if not (key_of(settings) or is_loopback(host) or allow_anonymous):
        raise ServeError(
            f"{host} can be reached from other machines and no key is set",
            "set CODEINTEL_API_KEY, or add --allow-anonymous if a proxy authenticates callers",
        )


class RequireKey:
    """Middleware that rejects callers without the service's key, if one is set, before a body is read."""

    def __init__(self, app: ASGIApp, settings: Settings, *, is_all_closed: bool = False) -> None:
        self._app = app
        self._key = key_of(settings)
        self._is_all_closed = is_all_closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or reject it."""
        cause = self._refusal(scope) if self._key and scope["type"] == "http" else None
        if cause:
            await error_response(scope["path"], 401, cause)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        path: str = scope["path"]
        if not self._is_all_closed and (path in OPEN_PATHS or path.startswith(OPEN_FOLDER)):
            return None
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, key = given.partition(b" ")
        if scheme.lower() != b"bearer" or not key.strip():
            return "a key is needed"
        return None if hmac.compare_digest(key.strip(), self._key or b"") else "the key is wrong"


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is a loopback address."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class LocalHosts:
    """Middleware that rejects requests to hosts other than localhost, to prevent DNS rebinding.

    It is active only if the service listens on a loopback address and needs no key.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._is_checked = is_loopback(settings.host) and settings.api_key is None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or reject it."""
        if self._is_checked and scope["type"] == "http":
            host = Headers(scope=scope).get("host", "")
            name = host if host.endswith("]") else host.rsplit(":", 1)[0]
            if not is_loopback(name):
                await error_response(scope["path"], 403, "this service answers only as localhost")(scope, receive, send)
                return
        await self._app(scope, receive, send)


class SecurityHeaders:
    """Middleware that adds headers that keep a browser from loading, framing or running anything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)
