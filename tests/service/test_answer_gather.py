"""The evidence of an answer: whole symbols, names that are not there, false premises, what belongs to the subject."""

import re
from collections.abc import Iterator

import pytest

from ml.index.store.base import Where
from rag_service.answer.assistant import Assistant
from rag_service.answer.code.stored import line_reader
from rag_service.answer.code.symbols import MOST_LINES, is_whole, owner_of, whole_symbol
from rag_service.answer.events import Answer
from rag_service.answer.gather.gather import Gathered, Verdict, gather
from rag_service.answer.gather.names import asked_names, bases_of
from rag_service.answer.gather.parts import question_parts
from rag_service.answer.question import Asked
from tests.support.indexing import assistant_over

# Longer than a screen, so it is stored method by method; shorter than MOST_LINES, so an answer sees the whole.
METHODS = "".join(
    f"""
            def count_{name}(self, letters):
                \"\"\"Counts the letters that are {name}.\"\"\"
                return sum(letter.{name} for letter in letters)
    """
    for name in (
        "stamped",
        "registered",
        "returned",
        "lost",
        "damaged",
        "foreign",
        "heavy",
        "light",
        "late",
        "early",
        "torn",
        "wet",
        "old",
    )
)
LONGEST = "".join(f"            limit_{number} = {number}\n" for number in range(MOST_LINES + 50))
FILES = {
    "mail/errors.py": '''
        class DeliveryError(Exception):
            """The letter came back.

            VanCarrier().deliver(shortest_route(letter))
            """
    ''',
    "mail/base.py": '''
        class Carrier:
            """Carries letters from a door to another."""

            def deliver(self, letter):
                """Takes a letter to its door."""
                raise NotImplementedError
    ''',
    "mail/van.py": f'''
        from mail.base import Carrier
        from mail.errors import DeliveryError
        from mail.route import shortest_route


        class VanCarrier(Carrier):
            """Carries letters in a van."""

            def deliver(self, letter):
                """Drives along the shortest route, and gives the letter back if nobody opens."""
                for door in shortest_route(letter.address):
                    if door.opens():
                        return door
                raise DeliveryError(letter)
    {METHODS}
    ''',
    "mail/route.py": '''
        def shortest_route(address):
            """Finds the doors on the way to an address.

            >>> VanCarrier().deliver(letter)
            """
            return sorted(address.doors, key=lambda door: door.distance)
    ''',
    "mail/limits.py": f'class Limits:\n            """All limits of the post office."""\n\n{LONGEST}',
    "tests/test_van.py": """
        from mail.van import VanCarrier


        def test_a_letter_comes_back():
            VanCarrier().deliver(Letter())
    """,
}


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    with assistant_over(FILES, "mail", tmp_path_factory.mktemp("mail")) as opened:
        yield opened


def gathered(assistant: Assistant, question: str) -> Gathered:
    retriever = assistant.retriever
    asked = Asked.of(question, Where())
    return gather(asked, retriever.understand(question), retriever, line_reader(assistant.store), 8)


def cited(answer: Answer, path: str) -> list[tuple[int, int]]:
    return [(one.line_start, one.line_end) for one in answer.citations if one.file_path == path]


def test_a_class_stored_method_by_method_is_cited_whole(assistant: Assistant) -> None:
    stored = line_reader(assistant.store)("mail", "mail/van.py")
    assert len([chunk for chunk in stored.chunks if chunk.symbol.startswith("VanCarrier")]) > 1
    answer = assistant.answer("what is VanCarrier")
    assert answer.answer.startswith("`VanCarrier` is a class in `mail/van.py:6-")
    assert (6, max(stored)) in cited(answer, "mail/van.py")


def test_a_whole_symbol_has_the_lines_of_the_file(assistant: Assistant) -> None:
    stored = line_reader(assistant.store)("mail", "mail/van.py")
    whole = whole_symbol(next(chunk for chunk in stored.chunks if chunk.symbol == "VanCarrier"), stored)
    texts = dict(enumerate(whole.text.split("\n"), start=whole.line_start))
    assert all(texts[number] == stored.get(number, "") for number in texts)
    assert is_whole(whole, stored)
    method = next(chunk for chunk in stored.chunks if chunk.symbol == "VanCarrier.count_lost")
    owner = owner_of(method, stored)
    assert owner
    assert owner.symbol == "VanCarrier"


def test_a_part_of_a_very_long_class_is_not_called_the_whole(assistant: Assistant) -> None:
    answer = assistant.answer("what is Limits").answer
    assert "is a part of `Limits`" in answer
    assert "The whole of it" not in answer


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Where does `VanCarrier.repaint` choose the colour?", "`VanCarrier.repaint` is not in the index."),
        ("How does the `ParcelSorter` carry letters to a door?", "`ParcelSorter` is not in the index."),
        ("How does the van deliver a letter through Kafka?", "Kafka is not in the index."),
        ("Что делает `VanCarrier.repaint` с письмом?", "`VanCarrier.repaint` в индексе нет."),
    ],
)
def test_what_is_not_there_is_said_with_what_is_nearest(assistant: Assistant, question: str, said: str) -> None:
    answer = assistant.answer(question)
    assert said in answer.answer
    assert not answer.found


def test_a_member_of_another_class_is_placed(assistant: Assistant) -> None:
    answer = assistant.answer("What does `Carrier.count_lost` return?")
    assert "`Carrier.count_lost` is not there: `mail/van.py:" in answer.answer
    assert "defines `VanCarrier.count_lost`" in answer.answer
    assert not answer.found


@pytest.mark.parametrize("name", ["VanCarrier.deliver", "VanCarrier.count_lost", "shortest_route", "van_carrier"])
def test_a_name_that_is_there_is_not_missing(assistant: Assistant, name: str) -> None:
    assert not gathered(assistant, f"what does `{name}` do with a letter").missing


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (
            "Why does `shortest_route` call `DeliveryError`?",
            "`shortest_route` does not mention `DeliveryError` anywhere in its lines",
        ),
        ("Почему `shortest_route` вызывает `DeliveryError`?", "нигде в своих строках не упоминает `DeliveryError`"),
    ],
)
def test_a_false_premise_is_contradicted(assistant: Assistant, question: str, said: str) -> None:
    answer = assistant.answer(question)
    assert said in answer.answer
    assert answer.found


def test_a_true_premise_is_not_contradicted(assistant: Assistant) -> None:
    found = gathered(assistant, "Why does `VanCarrier.deliver` raise `DeliveryError`?")
    assert found.verdict is Verdict.ANSWERED
    assert not found.premises


def test_a_description_without_a_name_is_answered(assistant: Assistant) -> None:
    question = (
        "What is the mechanism in the class that carries letters in a van for the case that nobody opens the door?"
    )
    answer = assistant.answer(question)
    assert answer.found
    assert "`VanCarrier" in answer.answer.splitlines()[0]


def test_what_belongs_to_the_subject_says_how(assistant: Assistant) -> None:
    answer = assistant.answer("How does `VanCarrier.deliver` give a letter back?").answer
    assert "`deliver` calls `shortest_route` (`mail/route.py:1`)" in answer
    assert "Finds the doors on the way to an address" in answer
    assert re.search(r"Its class derives from `Carrier` \(`mail/base.py:1-6`\) \[\d+\]\.", answer), answer
    assert re.search(r"It raises or handles `DeliveryError` \(`mail/errors.py:1-5`\) \[\d+\]\.", answer), answer


def test_an_example_in_a_docstring_is_no_call(assistant: Assistant) -> None:
    answer = assistant.answer("what is DeliveryError").answer
    assert "The letter came back [1]." in answer
    assert "calls" not in answer


def test_an_example_in_a_docstring_calls_nothing(assistant: Assistant) -> None:
    assert "which it calls" not in assistant.answer("How does `shortest_route` work?").answer


def test_names_are_read_from_spans_identifiers_and_proper_nouns() -> None:
    def names(question: str) -> list[str]:
        return [name.text for name in asked_names(question)]

    assert names("Where does `Post.send` call add_stamp(), e.g. for DHL?") == ["Post.send", "add_stamp()", "DHL"]
    assert names("Kafka is where?") == []
    assert names("what does `rate(errors_total[5m])` count") == ["rate", "errors_total"]
    assert names("как `--dry-run` влияет на Terraform") == ["dry-run", "Terraform"]


def test_the_parts_of_a_question_are_searched_for_on_their_own(assistant: Assistant) -> None:
    def parts(question: str) -> list[str]:
        return [part.text.strip() for part in question_parts(question, assistant.retriever.understand)]

    assert parts("where is a letter weighed, and what happens when the door stays closed?") == [
        "where is a letter weighed",
        "happens when the door stays closed",
    ]
    assert parts("where is a letter weighed") == []


def test_bases_are_read_from_the_line_that_opens_a_class(assistant: Assistant) -> None:
    stored = line_reader(assistant.store)("mail", "mail/van.py")
    assert bases_of(next(chunk for chunk in stored.chunks if chunk.symbol == "VanCarrier")) == ["Carrier"]
