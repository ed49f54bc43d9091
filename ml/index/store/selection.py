"""Which points a query may find: `Where` resolved against the indexed files, the same for both backends."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from ml.index.store.base import Where
from ml.index.store.points import file_key, file_key_of

# A filter costs as much time as it lists values: 100,000 chunks take 3 ms for 100 paths, 35 ms for 5,000. So with more
# paths than this the ids that a search gives are sifted instead.
MOST_PATHS = 300

Files = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Selection:
    """Values that fields must have, and keys of the files that ids must belong to; None leaves a field open."""

    repos: Sequence[str] | None = None
    languages: Sequence[str] | None = None
    file_paths: Sequence[str] | None = None
    file_keys: frozenset[str] | None = None

    @property
    def is_empty(self) -> bool:
        """Tells that nothing can be found."""
        return any(values is not None and not values for values in (self.repos, self.languages, self.file_paths))

    def filter(self, models: Any, further: Any = None) -> Any:
        """Gives the fields, with one more condition, as a Filter of `models`: qdrant_edge or qdrant_client.models."""
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
        """Gives such a Filter for each vector's name; `has_id` makes the condition of those that `ids` restricts."""
        if ids is None:
            return dict.fromkeys(names, self.filter(models))
        return {name: self.filter(models, has_id(ids[name])) for name in names}

    def admits(self, point: str) -> bool:
        """Tells whether a point that passed the filter belongs to one of the files."""
        return self.file_keys is None or file_key_of(point) in self.file_keys


def select(where: Where, files: Files) -> Selection:
    """Resolves a filter; `files` are repository and path of all indexed files, needed only where there are globs."""
    selection = Selection(where.repos, where.languages)
    if where.paths is None:
        return selection
    paths, keys = _matching(tuple(where.paths), files)
    if len(keys) == len(files) and files:
        return selection
    return replace(selection, file_paths=paths) if len(paths) <= MOST_PATHS else replace(selection, file_keys=keys)


@lru_cache(maxsize=16)
def _matching(globs: tuple[str, ...], files: Files) -> tuple[tuple[str, ...], frozenset[str]]:
    """Gives the paths that globs match, and the keys of their files in all repositories."""
    from pathspec import PathSpec

    everything = ["*"] if globs and all(glob.startswith("!") for glob in globs) else []
    matches = PathSpec.from_lines("gitignore", [*everything, *globs]).match_files({path for _, path in files})
    paths = frozenset(matches)
    return tuple(sorted(paths)), frozenset(file_key(repo, path) for repo, path in files if path in paths)
