"""The globs of a question match as in .gitignore, and none takes long."""

from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec import PathSpec

from ml.errors import QuestionError
from ml.index.store.globs import LONGEST_GLOB, LONGEST_TOGETHER, MOST_GLOBS, match
from ml.index.store.selection import FileIndex

SECONDS_A_PATH = 0.05
ATTACK = "**/*/**/*/**/*/**/*/**/*/**/*!"  # in a link: the page asks on its own
HOSTILE = [
    ATTACK,
    "*a*a*a*a*a*a*a*a*a*a*z",
    "*a" + "?" * (LONGEST_GLOB - 2),
    "*[!b]" * (LONGEST_GLOB // 5),
    "**/*a*?/" * (LONGEST_GLOB // 8),
    "*a" * (LONGEST_GLOB // 4) + "?" * (LONGEST_GLOB // 2 - 1),
]
LONG_PATHS = [
    "a/" * 2_048,
    "/".join(["a" * 255] * 16),
    "/".join(["ab" * 127] * 16),
]  # as long as the system allows a path to be

parts = st.sampled_from(
    ["a", "ab", "b.py", "*", "**", "*.py", "?", "a*", "*b*", "[ab]", "[!a]b", r"\*", "a b", "é", "[]a]", "+("]
)
globs = st.builds(
    lambda negated, start, middle, end: negated + start + "/".join(middle) + end,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(parts, min_size=1, max_size=5),
    st.sampled_from(["", "", "/", " "]),
)
paths = st.lists(
    st.sampled_from(["a", "ab", "b.py", "*", "a b", "é", "]", "+(", "x\ny", "AB"]), min_size=1, max_size=5
).map("/".join)


@given(st.lists(globs, max_size=5), st.lists(paths, min_size=1, max_size=8, unique=True))
def test_ordinary_globs_match_what_gitignore_says(wanted: list[str], files: list[str]) -> None:
    """Compare the matcher with pathspec's engine on Python's regular expressions."""
    everything = ["*"] if wanted and all(glob.startswith("!") for glob in wanted) else []
    reference = PathSpec.from_lines("gitignore", [*everything, *wanted], backend="simple")

    assert set(match(wanted, files)) == set(reference.match_files(files))


@pytest.mark.parametrize("glob", HOSTILE, ids=lambda glob: glob[:20])
@pytest.mark.parametrize("path", LONG_PATHS, ids=["folders", "names", "pairs"])
def test_no_glob_takes_long_with_any_path(glob: str, path: str) -> None:
    for number in (1, min(MOST_GLOBS, LONGEST_TOGETHER // len(glob))):
        started = thread_time()
        list(match([glob] * number, [path]))
        assert thread_time() - started < SECONDS_A_PATH


def test_a_hostile_glob_over_many_files() -> None:
    files = [f"pkg{number % 300}/sub/module{number}.py" for number in range(20_000)]
    assert FileIndex(("r", path) for path in files).matching([ATTACK]) == ()


@pytest.mark.parametrize("glob", ["\\", "!", "a\\", "[z-a]", "\ud800", "x" * (LONGEST_GLOB + 1)])
def test_an_invalid_glob_is_rejected_with_a_cure(glob: str) -> None:
    with pytest.raises(QuestionError) as caught:
        list(match([glob], ["a.py"]))
    assert caught.value.cure
    assert str(caught.value).isprintable()


def test_too_many_globs_are_rejected_before_they_are_read() -> None:
    for globs in (["*.py"] * (MOST_GLOBS + 1), ["x" * LONGEST_GLOB] * (LONGEST_TOGETHER // LONGEST_GLOB + 1)):
        with pytest.raises(QuestionError, match="at most"):
            FileIndex([("r", "a.py")]).matching(globs)
