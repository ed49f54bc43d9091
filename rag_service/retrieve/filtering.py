"""Check a filter against the index, so that one that can't match says what exists instead of finding nothing."""

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

from ml.errors import QuestionError
from ml.index.store.base import Repository, Store, Where
from ml.index.store.globs import match

MOST_NAMED = 12


def check_names(where: Where, store: Store) -> None:
    """Raise QuestionError if a repository or a language of the filter is not in the index, and name those that are."""
    if where.repos is None and where.languages is None:
        return
    known = store.repositories()
    _check("repository", "is indexed", where.repos or (), [each.name for each in known])
    chosen = _chosen(where, known)
    _check("language", "is in these repositories", where.languages or (), _languages(chosen))


def explain_nothing(where: Where, store: Store) -> None:
    """Raise QuestionError if nothing was found because the filter's globs select no file, and name some that exist."""
    if not where.paths:
        return
    names = [each.name for each in _chosen(where, store.repositories())]
    paths = [path for name in names for path in store.files(name)]
    if not any(True for _ in match(where.paths, paths)):
        listed = ", ".join(
            sorted({path.partition("/")[0] + "/" if "/" in path else path for path in paths})[:MOST_NAMED]
        )
        globs = ", ".join(map(repr, where.paths))
        raise QuestionError(
            f"no indexed file matches {globs}", f"globs start at a repository's root, which has: {listed}"
        )


def _chosen(where: Where, known: Iterable[Repository]) -> list[Repository]:
    return [each for each in known if where.repos is None or each.name in where.repos]


def _languages(repositories: Iterable[Repository]) -> list[str]:
    return sorted({language for each in repositories for language in each.languages})


def _check(kind: str, place: str, wanted: Sequence[str], known: Collection[str]) -> None:
    for name in wanted:
        if name not in known:
            raise QuestionError(f"no {kind} {name!r} {place}", f"choose among: {_listed(name, known)}")


def _listed(name: str, known: Collection[str]) -> str:
    """List names, the most similar ones first."""
    similar = get_close_matches(name[:200].lower(), known, n=MOST_NAMED, cutoff=0.6)
    ordered = [*similar, *(each for each in sorted(known) if each not in similar)]
    more = f" and {len(ordered) - MOST_NAMED} more (see codeintel repos)" if len(ordered) > MOST_NAMED else ""
    return ", ".join(ordered[:MOST_NAMED]) + more
