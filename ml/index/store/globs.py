"""Globs as in .gitignore, matched without backtracking, since they come from untrusted requests.

pathspec translates them; RE2 matches in time linear in the path. Neither pathspec's Python engine (which backtracks)
nor its set of RE2 patterns (which matches nothing once its memory is full) is used.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from ml.errors import QuestionError
from ml.patterns import any_of

MOST_GLOBS = 32
LONGEST_GLOB, LONGEST_TOGETHER = 500, 4_000
EXAMPLE = 'write it as in .gitignore, for example "src/**/*.py"'

Matches = Callable[[str], object]


def match(globs: Sequence[str], paths: Iterable[str]) -> Iterator[str]:
    """Yield the paths that the globs select; the last match decides. Raise QuestionError for an invalid glob.

    If all globs are negated, all other paths are selected.
    """
    rules = list(reversed(list(_rules(globs))))
    everything = bool(globs) and all(glob.startswith("!") for glob in globs)
    for path in paths:
        if next((include for include, matches in rules if matches(path)), everything):
            yield path


def _rules(globs: Sequence[str]) -> Iterator[tuple[bool, Matches]]:
    """Yield one pattern for each run of globs that all include or all exclude."""
    check_size(globs)
    translated = [pattern for glob in globs if (pattern := _translate(_from_root(glob)))]
    for include, run in groupby(translated, key=lambda pattern: pattern[0]):
        yield include, any_of(regex for _, regex in run).search


def _from_root(glob: str) -> str:
    """Return a glob that begins with "./" as .gitignore writes it, with "/"."""
    negated, rest = ("!", glob[1:]) if glob.startswith("!") else ("", glob)
    return f"{negated}/{rest[2:]}" if rest.startswith("./") and len(rest) > 2 else glob


def check_size(globs: Sequence[str]) -> None:
    """Raise QuestionError if there are too many globs or they are too long."""
    if len(globs) > MOST_GLOBS:
        raise QuestionError(f"{len(globs)} globs are too many", f"give at most {MOST_GLOBS}, or use a folder")
    if any(len(glob) > LONGEST_GLOB for glob in globs):
        raise QuestionError("a glob is too long", f"give one of at most {LONGEST_GLOB} characters")
    if sum(map(len, globs)) > LONGEST_TOGETHER:
        raise QuestionError("the globs are too long", f"give at most {LONGEST_TOGETHER} characters together")


def _translate(glob: str) -> tuple[bool, str] | None:
    """Return whether a glob includes, and its pattern; None for a comment or a blank glob."""
    import re2
    from pathspec.patterns.gitignore.base import GitIgnorePatternError
    from pathspec.patterns.gitignore.basic import GitIgnoreBasicPattern

    try:
        regex, include = GitIgnoreBasicPattern.pattern_to_regex(glob)
        if regex is None or include is None:
            return None
        any_of([regex])
    except (GitIgnorePatternError, re2.error, UnicodeEncodeError) as error:
        raise QuestionError(f"{glob!a} is not a glob", EXAMPLE) from error
    return include, regex
