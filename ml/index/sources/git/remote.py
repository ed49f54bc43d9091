"""Git repositories at a URL: fetched into the user's cache without history, then updated incrementally."""

import re
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from ml.errors import GitError, SourceError
from ml.index.chunk import digest
from ml.index.sources.git.process import run_git
from ml.index.sources.git.repository import check_revision, resolve
from ml.index.sources.names import shown
from ml.index.sources.scratch import cache_folder, locked

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
HELPER = re.compile(r"[A-Za-z0-9+.-]+::")
USER_AT_HOST = re.compile(r"[\w.+-]+@[\w.-]+:(?!//)\S")
SCHEMES = frozenset(("https", "http", "ssh", "git", "file"))
NAME = re.compile(r"[\w.+-][\w./+-]*")
MISSING = re.compile(r"couldn't find remote ref|not our ref|unadvertised object|no such remote ref", re.IGNORECASE)


def is_url(spec: str) -> bool:
    """Return whether a source is a URL or user@host:path. Raise SourceError for unsupported schemes."""
    scheme = SCHEME.match(spec)
    if HELPER.match(spec) or (scheme and (scheme[1].lower() not in SCHEMES or "\0" in spec)):
        raise SourceError(
            f"{shown(without_credentials(spec))} is not a git URL", f"use one of {', '.join(sorted(SCHEMES))}"
        )
    return bool(scheme or USER_AT_HOST.match(spec))


def without_credentials(url: str) -> str:
    """Return a URL without password, token or query; an ssh address keeps its user name."""
    if not SCHEME.match(url):
        return url
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise SourceError(f"the address is not a valid URL ({error})", "mend it") from error
    user, _, host = parts.netloc.rpartition("@")
    if parts.scheme == "ssh" and user:
        host = f"{user.partition(':')[0]}@{host}"
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def fetch(url: str, revision: str | None) -> tuple[Path, str]:
    """Fetch a repository's commit into the cache; return the bare repository there and the commit.

    `revision` is a branch, tag or commit, by default the remote's HEAD. Raise SourceError with git's reason.
    """
    clean = without_credentials(url)
    place = cache_folder("git") / digest(clean.encode("utf-8", "surrogateescape"))
    with locked(place.with_suffix(".lock")):
        if not (place / "HEAD").is_file():
            run_git("init", "--quiet", "--bare", "--template=", "--", str(place), at=place.parent)
        for stale in place.glob("*.lock"):  # left by a killed git; no other is running here
            stale.unlink()
        try:
            return place, _fetch(place, url, "HEAD" if revision is None else revision)
        except GitError as error:
            cause = shown(_without_secrets(error.cause.removeprefix("git fetch: "), url, clean))
            raise SourceError(
                f"{shown(clean)} can't be fetched ({cause})", "check the address, the network and your access rights"
            ) from None


def _fetch(place: Path, url: str, revision: str) -> str:
    check_revision(revision)
    ref = f"refs/codeintel/{digest(revision.encode('utf-8', 'surrogateescape'))}"
    if NAME.fullmatch(revision):
        try:
            _fetch_refs(place, url, ("--depth=1",), (f"+{revision}:{ref}",))
            return resolve(place, ref)
        except GitError as error:
            if revision == "HEAD" or not MISSING.search(error.cause):
                raise
    # An abbreviated commit hash, or an expression such as v1~3, needs the whole history to be resolved.
    deepen = ("--unshallow",) if (place / "shallow").is_file() else ()
    _fetch_refs(place, url, (*deepen, "--prune"), ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"))
    return resolve(place, revision)


def _fetch_refs(place: Path, url: str, options: tuple[str, ...], refs: tuple[str, ...]) -> None:
    common = ("--quiet", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance")
    run_git(
        "fetch", *common, *options, "--", "origin", *refs, at=place, network=True, config={"remote.origin.url": url}
    )


def _without_secrets(text: str, url: str, clean: str) -> str:
    """Remove the URL's credentials from git's output."""
    text = text.replace(url, clean)
    parts = urlsplit(url)
    for secret in (parts.netloc.rpartition("@")[0], parts.password, parts.query, parts.fragment):
        text = text.replace(secret, "…") if secret else text
    return text
