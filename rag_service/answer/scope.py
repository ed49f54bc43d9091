"""What an answer was looked up in: the revisions, how far behind they are, and what was not looked at."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ml.errors import SourceError, StoreError
from ml.index.sources.git.process import run_git
from ml.index.store.base import Repository, Store, Where
from ml.memo import Memo
from rag_service.retrieve.question import Question
from rag_service.retrieve.rules import file_parts

MOST_SEARCHED, MOST_OTHERS, MOST_LEFT_OUT = 5, 10, 3
GIT_SECONDS = 1.0
FRESH_SECONDS = 30  # for which a count of commits is kept
DIRTY = "-dirty"
TELLS_NOTHING = {"empty", "link"}


@dataclass(frozen=True, slots=True)
class Searched:
    """A searched repository; `behind` is how many commits its checkout's HEAD is ahead of the index, None if unknown."""

    repo: str
    revision: str
    indexed_at: str
    behind: int | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder that was not indexed, and why, although its name occurs in the question."""

    repo: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What an answer was looked up in.

    `searched` are the cited repositories, or the first few if none is cited, of `repositories` that were searched.
    `others` are indexed repositories that the question's filter excludes.
    """

    repositories: int = 0
    searched: Sequence[Searched] = ()
    others: Sequence[str] = ()
    left_out: Sequence[LeftOut] = ()


def scope_of(store: Store, where: Where, cited: Iterable[str], question: Question | None) -> Scope:
    """Describe what a question was looked up in. An index that can't be read any more is described by nothing."""
    try:
        known = store.repositories()
    except StoreError:
        return Scope()
    chosen = [each for each in known if where.repos is None or each.name in where.repos]
    names = set(cited)
    shown = [each for each in chosen if each.name in names] or chosen
    shown = shown[:MOST_SEARCHED]
    return Scope(
        repositories=len(chosen),
        searched=[Searched(each.name, each.revision, each.indexed_at, commits_behind(each)) for each in shown],
        others=[each.name for each in known if each not in chosen][:MOST_OTHERS],
        left_out=list(_named_but_left_out(shown, question))[:MOST_LEFT_OUT] if question else (),
    )


def commits_behind(repository: Repository) -> int | None:
    """Return how many commits the HEAD of a repository's folder is ahead of its index; None where nobody can know."""
    if not Path(repository.source).is_absolute():
        return None
    period = int(time.monotonic() / FRESH_SECONDS)
    return _counts.get((repository.source, repository.revision.removesuffix(DIRTY), period), _count)


def _count(key: tuple[str, str, int]) -> int | None:
    source, revision, _ = key
    if not Path(source).is_dir() or not all(letter in "0123456789abcdef" for letter in revision):
        return None
    try:
        return int(run_git("rev-list", "--count", f"{revision}..HEAD", at=Path(source), seconds=GIT_SECONDS))
    except (SourceError, ValueError):  # no repository, or its history no longer has the revision
        return None


_counts: Memo[tuple[str, str, int], int | None] = Memo(256)


def _named_but_left_out(repositories: Iterable[Repository], question: Question) -> Iterator[LeftOut]:
    paths = tuple(f"/{reference.path}" for reference in question.paths)
    for repository in repositories:
        for reason, left_out in repository.left_out.items():
            for path in left_out if reason not in TELLS_NOTHING else ():
                parts = file_parts(path.rstrip("/"))
                if (parts and parts <= question.stems) or (paths and f"/{path}".endswith(paths)):
                    yield LeftOut(repository.name, path, reason)
