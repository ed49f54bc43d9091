"""Resolve `Where` against the indexed files into a filter on points, the same for both backends."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ml.index.store.base import Where
from ml.index.store.globs import check_size, match
from ml.index.store.points import file_key, file_key_of
from ml.memo import Memo

# A filter's cost grows with its number of values: 100,000 chunks take 3 ms for 100 paths, 35 ms for 5,000. With more
# paths than this the ids that a search returns are filtered instead.
MOST_PATHS = 300

RECENT_GLOBS = 8  # whose paths are cached


@dataclass(frozen=True, slots=True)
class Selection:
    """Allowed values per field, and keys of the files that ids must belong to; None means no restriction."""

    repos: Sequence[str] | None = None
    languages: Sequence[str] | None = None
    file_paths: Sequence[str] | None = None
    file_keys: frozenset[str] | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether nothing can match."""
        return any(values is not None and not values for values in (self.repos, self.languages, self.file_paths))

    def filter(self, models: Any, further: Any = None) -> Any:
        """Return a Filter of `models` (qdrant_edge or qdrant_client.models) for the fields and one more condition."""
        fields = {"repo": self.repos, "language": self.languages, "file_path": self.file_paths}
        must = [
            models.FieldCondition(key=key, match=models.MatchAny(any=list(values)))
            for key, values in fields.items()
            if values is not None
        ]
        return models.Filter(must=must if further is None else [*must, further])

    def filters(
        self,
        models: Any,
        names: Iterable[str],
        ids: Mapping[str, Collection[str]] | None,
        has_id: Callable[[Collection[str]], Any],
    ) -> dict[str, Any]:
        """Return a Filter for each vector's name; `has_id` creates the condition for those that `ids` restricts."""
        if ids is None:
            return dict.fromkeys(names, self.filter(models))
        return {name: self.filter(models, has_id(ids[name])) for name in names}

    def admits(self, point: str) -> bool:
        """Return whether a point that passed the filter belongs to one of the selected files."""
        return self.file_keys is None or file_key_of(point) in self.file_keys


class FileIndex:
    """The repository and path of all indexed files, with a cache of the files that recent globs matched."""

    def __init__(self, files: Iterable[tuple[str, str]] = ()) -> None:
        self._repos: dict[str, list[str]] = {}
        for repo, path in files:
            self._repos.setdefault(path, []).append(repo)
        self._matched: Memo[tuple[str, ...], tuple[str, ...]] = Memo(RECENT_GLOBS)
        self._selected: Memo[tuple[str, ...], frozenset[str]] = Memo(RECENT_GLOBS)

    def __len__(self) -> int:
        return len(self._repos)

    def matching(self, globs: Sequence[str]) -> tuple[str, ...]:
        """Return the paths that the globs select, in order. Raise QuestionError for an invalid glob."""
        check_size(globs)
        return self._matched.get(tuple(globs), self._match)

    def _match(self, globs: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(match(globs, self._repos)))

    def keys(self, globs: Sequence[str]) -> frozenset[str]:
        """Return the keys of the files that the globs select, in all repositories."""
        return self._selected.get(tuple(globs), self._select)

    def _select(self, globs: tuple[str, ...]) -> frozenset[str]:
        return frozenset(key for path in self.matching(globs) for key in self._keys[path])

    @cached_property
    def _keys(self) -> dict[str, list[str]]:  # created once, so that cached selections share the strings
        return {path: [file_key(repo, path) for repo in repos] for path, repos in self._repos.items()}


def select(where: Where, files: Callable[[], FileIndex]) -> Selection:
    """Resolve a filter; `files` is called only if there are globs. Raise QuestionError for an invalid glob."""
    selection = Selection(where.repos, where.languages)
    if where.paths is None:
        return selection
    index = files()
    paths = index.matching(where.paths)
    if paths and len(paths) == len(index):
        return selection
    few = len(paths) <= MOST_PATHS
    return replace(selection, file_paths=paths) if few else replace(selection, file_keys=index.keys(where.paths))
