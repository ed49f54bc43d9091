"""Downloads over HTTP, and of charts from OCI registries by the distribution API.

https://github.com/opencontainers/distribution-spec, https://helm.sh/docs/topics/chart_repository
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import yaml

from infra.pulumi.errors import PlatformError
from infra.pulumi.versions import Chart

CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PIECE = 1 << 20
Progress = Callable[[int], None]  # bytes that came since the last call


class Site:
    """An HTTP client that keeps the tokens of OCI registries."""

    def __init__(self, client: httpx.Client | None = None, insecure: bool = False) -> None:
        self.client = client or httpx.Client(follow_redirects=True, timeout=60)
        self.scheme = "http" if insecure else "https"  # of OCI registries
        self.tokens: dict[str, str] = {}

    def file(self, url: str, target: Path, sha256: str | None, progress: Progress) -> str:
        """Download a file and return its SHA-256; keep one that is there with the right digest.

        An interrupted download leaves no file. Raise PlatformError if it can't be fetched or has another digest.
        """
        if target.is_file() and (found := digest(target)) == sha256:
            return found
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        sha = hashlib.sha256()
        try:
            with self.client.stream("GET", url, headers=self._headers(url)) as answer, part.open("wb") as out:
                answer.raise_for_status()
                for piece in answer.iter_bytes(PIECE):
                    sha.update(piece)
                    out.write(piece)
                    progress(len(piece))
        except httpx.HTTPError as error:
            raise PlatformError(
                f"{url} can't be had ({_said(error)})", "run it again where it can be reached"
            ) from error
        _check(url, sha.hexdigest(), sha256)
        part.replace(target)
        return sha.hexdigest()

    def chart(self, chart: Chart, target: Path, progress: Progress) -> str:
        """Download a chart's archive and return its SHA-256, checked against versions.toml or the repository's index."""
        if chart.sha256 and target.is_file() and digest(target) == chart.sha256:
            return chart.sha256
        address, promised = (self._in_registry if chart.repository.startswith("oci:") else self._in_index)(chart)
        return self.file(address, target, chart.sha256 or promised, progress)

    def _in_index(self, chart: Chart) -> tuple[str, str | None]:
        base = chart.repository.rstrip("/") + "/"
        index = yaml.load(self._get(urljoin(base, "index.yaml")).text, yaml.CSafeLoader)
        for entry in index.get("entries", {}).get(chart.name, ()):
            if entry["version"] == chart.version:
                return urljoin(base, entry["urls"][0]), entry.get("digest")
        raise PlatformError(f"{chart.repository} has no {chart.name} {chart.version}", "set another version")

    def _in_registry(self, chart: Chart) -> tuple[str, str | None]:
        host, _, path = chart.repository.removeprefix("oci://").partition("/")
        base = f"{self.scheme}://{host}/v2/{path}/{chart.name}"
        manifest = self._get(f"{base}/manifests/{chart.version.replace('+', '_')}", {"Accept": MANIFEST}).json()
        for layer in manifest.get("layers", ()):
            if layer["mediaType"] == CHART_LAYER:
                return f"{base}/blobs/{layer['digest']}", layer["digest"].removeprefix("sha256:")
        raise PlatformError(f"{chart.repository}/{chart.name} holds no chart", "set another repository")

    def _get(self, url: str, headers: dict[str, str] | None = None) -> httpx.Response:
        try:
            answer = self.client.get(url, headers={**self._headers(url), **(headers or {})})
            if answer.status_code == httpx.codes.UNAUTHORIZED and self._login(url, answer):
                answer = self.client.get(url, headers={**self._headers(url), **(headers or {})})
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise PlatformError(
                f"{url} can't be had ({_said(error)})", "run it again where it can be reached"
            ) from error
        return answer

    def _login(self, url: str, refusal: httpx.Response) -> bool:
        """Fetch a registry's anonymous token; return whether there was one."""
        asked = dict(re.findall(r'(\w+)="([^"]*)"', refusal.headers.get("www-authenticate", "")))
        if "realm" not in asked:
            return False
        wanted = {name: asked[name] for name in ("service", "scope") if name in asked}
        given: dict[str, Any] = self.client.get(asked["realm"], params=wanted).json()
        self.tokens[_repository(url)] = given.get("token") or given.get("access_token") or ""
        return True

    def _headers(self, url: str) -> dict[str, str]:
        token = self.tokens.get(_repository(url))
        return {"Authorization": f"Bearer {token}"} if token else {}


def digest(path: Path) -> str:
    """Return a file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(what: str, found: str, wanted: str | None) -> None:
    if wanted is not None and found != wanted:
        cause = f"{what} has the digest {found[:12]}…, and not {wanted[:12]}…"
        raise PlatformError(cause, "find out who changed it before you use it")


def _repository(url: str) -> str:
    return re.split(r"/(?:manifests|blobs)/", url)[0]


def _said(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"{error.response.status_code} {error.response.reason_phrase}"
    return str(error) or type(error).__name__
