"""An answer tells a story by the places that hold it, in the order of the calls, and lists besides only what it can say why."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from rag_service.answer.assistant import Assistant
from rag_service.answer.composed.compose import FURTHER
from tests.support.indexing import assistant_over

DOCUMENTED = "".join(
    f'            option_{number}: Annotated[str, Doc("Changes how parcel number {number} is tied.")] = "",\n'
    for number in range(40)
)
FILES = {
    "post/errors.py": """
        class InvalidParcelError(ValueError):
            def __init__(self, problems, parcel=None):
                super().__init__(problems)
                self.parcel = parcel
    """,
    "post/counter.py": """
        from post.errors import InvalidParcelError
        from post.steps import collect_values


        def serve_customer(request):
            parcel = request.parcel()
            values, problems = collect_values(request, parcel)
            if problems:
                raise InvalidParcelError(problems, parcel=parcel)
            return request.accept(values)
    """,
    "post/steps.py": """
        from post.checks import check_parcel_content


        def collect_values(request, parcel):
            values = dict(request.headers)
            checked, problems = check_parcel_content(parcel)
            return values | checked, problems
    """,
    "post/checks.py": '''
        def check_parcel_content(parcel):
            """Validate the content of a parcel, part by part."""
            checked, problems = {}, []
            for part in parcel.parts:
                if part.is_forbidden:
                    problems.append(part)
                else:
                    checked[part.name] = part
            return checked, problems
    ''',
    "post/replies.py": """
        from post.errors import InvalidParcelError


        def refuse_parcel(request, error: InvalidParcelError):
            return request.reply(status=422, problems=error.args)
    """,
    "post/ties.py": f'''
        def tie_parcel(
            parcel,
        {DOCUMENTED}
        ):
            """Tie a parcel with a string, and seal the knot."""
            knot = parcel.tie()
            return knot.seal()
    ''',
}
QUESTIONS = {
    "en": "where is the content of a parcel validated, and what happens when it is invalid?",
    "ru": "где проверяется содержимое parcel content и что происходит при ошибке invalid parcel?",
}


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    with assistant_over(FILES, "post", tmp_path_factory.mktemp("post")) as opened:
        yield opened


@pytest.mark.parametrize("language", QUESTIONS)
def test_a_story_is_told_in_the_order_of_its_calls(assistant: Assistant, language: str) -> None:
    told = assistant.answer(QUESTIONS[language]).answer
    places = [told.find(each) for each in ("`serve_customer`", "check_parcel_content` (", "`refuse_parcel` (", "422")]
    assert -1 not in places, told
    assert all(one < next_one for one, next_one in pairwise(places)), told


def test_what_connects_two_places_is_said_in_a_sentence(assistant: Assistant) -> None:
    told = re.sub(r" \[\d+\]", "", assistant.answer(QUESTIONS["en"]).answer)
    way = "calls `collect_values` (`post/steps.py:4`), which calls `check_parcel_content` (`post/checks.py:1`)."
    assert f"`serve_customer` {way}" in told
    assert "`refuse_parcel` (`post/replies.py:4-5`) handles `InvalidParcelError`." in told


def test_a_function_comes_before_a_class_that_is_only_named_like_the_question(assistant: Assistant) -> None:
    assert "InvalidParcelError` is a class" not in assistant.answer("how is an invalid parcel found?").answer
    assert "InvalidParcelError` is a class" in assistant.answer("what is InvalidParcelError").answer


@pytest.mark.parametrize("question", [*QUESTIONS.values(), "how is a parcel tied?", "why is a parcel refused?"])
def test_whatever_is_listed_besides_has_its_reason(assistant: Assistant, question: str) -> None:
    items = re.findall(r"^- `post/.*", assistant.answer(question).answer, re.MULTILINE)
    assert len(items) <= FURTHER
    assert all(re.match(r"- `[^`]+` (`[^`]+`|“[^”]+”)(: `|, \w| — )", item) for item in items), items


def test_a_docstring_below_a_long_signature_is_told(assistant: Assistant) -> None:
    told = assistant.answer("what does tie_parcel do?").answer
    assert "Tie a parcel with a string, and seal the knot [1]." in told
    assert "option_39" not in told.partition("See also")[0].partition("```")[0]
