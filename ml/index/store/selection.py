"""Which points a query may find: `Where` resolved against the indexed files, the same for both backends."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from ml.index.store.base import Where


@dataclass(frozen=True, slots=True)
class Selection:
    """Values that fields must or must not have; None leaves a field open."""

    repos: Sequence[str] | None = None
    languages: Sequence[str] | None = None
    file_paths: Sequence[str] | None = None
    other_than: Sequence[str] | None = None

    @property
    def is_empty(self) -> bool:
        """Tells that nothing can be found."""
        return any(values is not None and not values for values in (self.repos, self.languages, self.file_paths))

    def filter(self, models: Any, further: Any = None) -> Any:
        """Gives it, with one more condition, as a Filter of `models`: qdrant_edge or qdrant_client.models."""

        def among(key: str, values: Sequence[str] | None) -> list[Any]:
            return [] if values is None else [models.FieldCondition(key=key, match=models.MatchAny(any=list(values)))]

        must = among("repo", self.repos) + among("language", self.languages) + among("file_path", self.file_paths)
        must += [] if further is None else [further]
        return models.Filter(must=must, must_not=among("file_path", self.other_than))


def select(where: Where, files: frozenset[str]) -> Selection:
    """Resolves a filter; `files` are the paths of all indexed files."""
    selection = Selection(where.repos, where.languages)
    if where.paths is None:
        return selection
    matching = _matching(tuple(where.paths), files)
    if len(matching) == len(files):
        return selection
    # A filter costs as much time as it lists values, so the shorter of the two lists is taken.
    if len(matching) * 2 > len(files):
        return replace(selection, other_than=tuple(files - matching))
    return replace(selection, file_paths=tuple(matching))


@lru_cache(maxsize=16)
def _matching(globs: tuple[str, ...], files: frozenset[str]) -> frozenset[str]:
    from pathspec import PathSpec

    everything = ["*"] if globs and all(glob.startswith("!") for glob in globs) else []
    return frozenset(PathSpec.from_lines("gitignore", [*everything, *globs]).match_files(files))
