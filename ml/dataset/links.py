"""Check the links of pairs: the lines must be in the index and, if git has the revision, in that too."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from ml.dataset.history import git_folder, lines_at
from ml.index.chunk import numbered_lines
from ml.index.store.base import Repository, Store
from ml.training.examples import Example

if TYPE_CHECKING:
    from pathlib import Path

REDACTED = "[REDACTED:"


class Links:
    """The lines that links may point to; each file is read once."""

    def __init__(self, store: Store, repositories: Sequence[Repository]) -> None:
        self._repositories = {repository.name: repository for repository in repositories}
        self._folders: dict[str, Path | None] = {each.name: git_folder(each) for each in repositories}
        self.stored = cache(lambda repo, path: numbered_lines(store.chunks(repo, path)))
        self._committed = cache(self._read_commit)

    def reason(self, example: Example) -> str:
        """Return why a link is dead, or "" if it is valid."""
        repository = self._repositories.get(example.repo)
        if repository is None or repository.revision != example.revision:
            return "link to another revision"
        stored: Mapping[int, str] = self.stored(example.repo, example.file_path)
        if not {example.line_start, example.line_end} <= stored.keys() or example.line_start > example.line_end:
            return "link to lines that are not stored"
        committed = self._committed(example.repo, example.file_path)
        cited = range(example.line_start, example.line_end + 1)
        if committed is not None and not all(_is_same(stored.get(number), committed, number) for number in cited):
            return "link to lines that the revision does not have"
        return ""

    def _read_commit(self, repo: str, file_path: str) -> list[str] | None:
        folder = self._folders[repo]
        return lines_at(self._repositories[repo], folder, file_path) if folder else None


def _is_same(stored: str | None, committed: Sequence[str], number: int) -> bool:
    if stored is None or REDACTED in stored:
        return True
    return number <= len(committed) and committed[number - 1].rstrip() == stored.rstrip()
