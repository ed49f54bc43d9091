"""Callers of a symbol, found by the text of the calling lines in a real index."""

from collections.abc import Iterator

import pytest

from ml.index.store.base import Where
from ml.settings import Settings
from rag_service.answer.code.callers import Callers, callers_of
from rag_service.answer.code.stored import line_reader
from rag_service.retrieve import Retriever, open_retriever
from tests.support.git import unindented, write_files
from tests.support.indexing import index_folder

# A class longer than a screen is stored method by method.
LONG = "".join(f"                self.append(letter, {number})\n" for number in range(80))
FILES = {
    "mail/box.py": '''
        class Box:
            """Keeps letters."""

            def __init__(self, path):
                self.path = path

            def deliver_letter(self, letter):
                """Puts a letter into the box, as in `box.deliver_letter(letter)`."""
                if letter.parts:
                    for part in letter.parts:
                        self.deliver_letter(part)
                self.append(letter)


        class Letter:
            def __init__(self, parts):
                self.parts = parts
    '''.replace("                self.append(letter)\n", LONG),
    "mail/post.py": """
        from mail.box import Box, Letter


        def open_office(path):
            return Box(path)


        def send(office, text):
            # office.deliver_letter(text) would take a text for a letter.
            office.deliver_letter(Letter([text]))
    """,
    "tests/test_box.py": """
        def test_a_letter_is_kept():
            Box("here").deliver_letter(Letter([]))
    """,
    "mail/stamp.py": """
        def price(letter):
            return 1
    """,
    "mail/parcel.py": """
        def price(parcel):
            return 5


        def total(parcels):
            return sum(price(parcel) for parcel in parcels)
    """,
}


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retriever]:
    root = tmp_path_factory.mktemp("mail")
    write_files(root, unindented(FILES))
    settings = Settings(store=str(tmp_path_factory.mktemp("store")))
    index_folder(settings, root, "mail")
    opened = open_retriever(settings)
    yield opened
    opened.store.close()


def find_callers(retriever: Retriever, file_path: str, symbol: str) -> Callers:
    """Return the callers of the symbol that a file defines."""
    chunks = retriever.store.chunks("mail", file_path)
    defined = next(chunk for chunk in chunks if chunk.symbol == symbol)
    return callers_of(retriever, line_reader(retriever.store), defined, Where())


def places(found: Callers) -> list[str]:
    return [f"{call.chunk.file_path}:{call.line}" for call in found.calls]


def test_code_comes_before_tests_and_recursion_comments_and_docstrings_do_not_count(retriever: Retriever) -> None:
    found = find_callers(retriever, "mail/box.py", "Box.deliver_letter")
    assert places(found) == ["mail/post.py:10", "tests/test_box.py:2"]
    assert not found.ambiguous


def test_a_constructor_is_called_by_its_class_name_only(retriever: Retriever) -> None:
    found = find_callers(retriever, "mail/box.py", "Box.__init__")
    assert places(found) == ["mail/post.py:5", "tests/test_box.py:2"]
    assert not found.ambiguous


def test_a_name_that_two_files_define_is_ambiguous(retriever: Retriever) -> None:
    assert find_callers(retriever, "mail/stamp.py", "price").ambiguous
