"""The ignore files of a tree: .gitignore's syntax and rules, at every level."""

from collections.abc import Iterator
from time import thread_time

from ml.errors import SourceError
from ml.index.sources.files import read_regular
from ml.index.sources.tree.wildcards import Rule, read_rule

OWN_FILE = ".codeintelignore"
GIT_FILES = (".git/info/exclude", ".gitignore")
MAX_BYTES = 1_000_000
# CPU time for the rules of a tree: ordinary ones take some hundredths of a second per thousand paths.
SECONDS, SECONDS_PER_PATH = 10.0, 0.002


class _Allowance:
    """The CPU-time budget of all rules of a tree, which grows with the number of checked paths."""

    def __init__(self) -> None:
        self._left = SECONDS

    def take(self, started: float, where: str, more: float = 0.0) -> None:
        """Deduct the time since then; raise SourceError if the budget is exceeded."""
        self._left += more - (thread_time() - started)
        if self._left < 0:
            raise SourceError(
                f"the ignore rules that apply to {where} take too long to evaluate", "reduce or simplify them"
            )


class Ignored:
    """The rules in force in one folder: those of its own ignore files and of its parents."""

    def __init__(
        self,
        files: tuple[str, ...],
        above: tuple[tuple[int, tuple[Rule, ...]], ...] = (),
        allowance: _Allowance | None = None,
    ) -> None:
        self._files = files
        self._levels = above
        self._allowance = allowance or _Allowance()

    def by_git(self, files: tuple[str, ...]) -> "Ignored":
        """Return the same rules for a folder in which git applies its own ignore files and only `files` are read here."""
        return Ignored(files, self._levels, self._allowance)

    def enter(self, folder: str, relative: str) -> "Ignored":
        """Return the rules in force in a subfolder; `relative` is its path from the root and ends with "/"."""
        started = thread_time()
        lines = [line for name in self._files for line in _lines(f"{folder}/{name}")]
        if not lines:
            return self
        rules = []
        for line in lines:
            rule = read_rule(line)
            if rule:
                rules.append(rule)
                self._allowance.take(started, relative or "./")
                started = thread_time()
        return Ignored(self._files, (*self._levels, (len(relative), tuple(rules))), self._allowance) if rules else self

    def hides(self, path: str) -> bool:
        """Return whether a path from the root is ignored, provided that no parent is; a folder's path ends with "/".

        The last rule that matches decides, those of deeper folders first.
        """
        if not self._levels:
            return False
        started = thread_time()
        found = next((rule.hides for rule in self._matching(path)), False)
        self._allowance.take(started, path, SECONDS_PER_PATH)
        return found

    def _matching(self, path: str) -> Iterator[Rule]:
        for start, rules in reversed(self._levels):
            below = path[start:]
            yield from (rule for rule in reversed(rules) if rule.matches(below))


def _lines(file: str) -> list[str]:
    content = read_regular(file, MAX_BYTES)
    if isinstance(content, str):  # there is none
        return []
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    return [line.removesuffix("\r") for line in text.split("\n")]
