"""Citations: only valid ones reach the reader, whatever a model writes and however its text is cut into parts."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ml.index.chunk import Chunk, digest, numbered_lines
from rag_service.answer.events import Source
from rag_service.answer.generated.cite import Citations, references
from rag_service.answer.generated.segments import segments


def chunk(path: str, start: int, text: str) -> Chunk:
    lines = text.split("\n")
    return Chunk(
        "shop", "r1", path, start, start + len(lines) - 1, "python", "pay", "function", text, digest(text.encode())
    )


FIRST = chunk("shop/pay.py", 10, "def pay(order):\n    retry = 5\n\n    return send(order, retry)")
SECOND = chunk("shop/send.py", 1, "def send(order, retry):\n    raise NotImplementedError")
STORED = {FIRST.file_path: [FIRST], SECOND.file_path: [SECOND]}


def stored(repo: str, path: str) -> dict[int, str]:
    return numbered_lines(STORED[path])


def citations() -> Citations:
    return Citations([Source(1, FIRST, 1.0), Source(2, SECOND, 0.5)], stored)


def checked(parts: Iterator[str]) -> tuple[str, Citations]:
    found = citations()
    return "".join(found.check(segment) for segment in segments(parts)), found


@pytest.mark.parametrize(
    ("text", "expected", "dropped"),
    [
        ("It retries [1].", "It retries [1].", 0),
        ("It retries [3].", "It retries.", 1),
        ("It retries [1, 2].", "It retries [1][2].", 0),
        ("It retries [1; 7].", "It retries [1].", 1),
        ("It retries [1-2].", "It retries [1][2].", 0),
        ("It retries 【2】.", "It retries [2].", 0),
        ("Five times [1:11-11].", "Five times [1].", 0),
        ("Five times [1:L11].", "Five times [1].", 0),
        ("Five times [1:11-99].", "Five times.", 1),
        ("Five times [1:13-11] it is.", "Five times it is.", 1),
        ("Zero [0] and [99999999999999] and [1:].", "Zero and and.", 3),
        ("A `list[3]` stays, args[3] does not.", "A `list[3]` stays, args does not.", 1),
        ("[[9]1]", "[1]", 1),
        ("```python\nx[9]\n```\n[9] done", "```python\nx[9]\n```\ndone", 1),
        ("```python\nx[9]", "```python\nx[9]\n```\n", 0),
    ],
)
def test_a_citation_holds_or_is_dropped_and_counted(text: str, expected: str, dropped: int) -> None:
    shown, found = checked(iter([text]))
    assert (shown, found.dropped) == (expected, dropped)


def test_a_citation_has_the_smallest_range_with_the_cited_lines_and_their_text() -> None:
    _, found = checked(iter(["Set [1:11]. Used [1:13]. Sent [2]."]))
    first, second = found.resolve()
    assert (first.line_start, first.line_end, first.quote) == (11, 13, "    retry = 5\n\n    return send(order, retry)")
    assert (second.line_start, second.line_end, second.quote) == (1, 2, SECOND.text)


def test_evidence_that_left_the_index_is_not_cited() -> None:
    changed = Citations([Source(1, FIRST, 1.0)], lambda repo, path: {10: "def pay(order, currency):"})
    (segment,) = segments(iter(["It retries [1]."]))
    assert changed.check(segment) == "It retries."
    assert (changed.dropped, changed.resolve()) == (1, [])


ODD = st.text(alphabet=st.sampled_from("[]【】()`~0123456789:,;-L .\n!?xL#>*"), max_size=60)
PIECES = st.lists(
    st.one_of(ODD, st.text(max_size=10), st.sampled_from(["[1]", "[2:1-2]", "[1, 9]", "```\n", "`a[3]` ", ". "]))
)


@given(PIECES)
@example(["``[9]`[8]`"])
@example(["[9]```\n[7]"])
@example(["[\n1]", "[```8]"])
def test_no_text_shows_an_unresolvable_citation(parts: list[str]) -> None:
    shown, found = checked(iter(parts))
    assert set(references(shown)) == {citation.n for citation in found.resolve()}
    for citation in found.resolve():
        lines = stored(citation.repo, citation.file_path)
        expected = "\n".join(lines[number] for number in range(citation.line_start, citation.line_end + 1))
        assert citation.quote == expected


@given(PIECES)
def test_joined_segments_equal_the_stream_and_an_open_fence_is_closed(parts: list[str]) -> None:
    joined = "".join(segment.text for segment in segments(iter(parts)))
    assert joined.startswith("".join(parts))
    assert joined[len("".join(parts)) :].strip().strip("`~") == ""


def test_sentences_are_released_once_the_next_begins_and_code_blocks_whole() -> None:
    stream = segments(iter(["It retries. ", "[1] T", "hen it `sto", "ps. No", "w` [2].\n", "```\nx", "\n``", "`\nend"]))
    assert [segment.text for segment in stream] == [
        "It retries. [1] ",
        "Then it `stops. Now` [2].\n",
        "```\nx\n```\n",
        "end",
    ]
