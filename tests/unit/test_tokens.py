"""Identifiers and prose yield the same words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.index.tokens import MAX_WORD, stem, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("getUserById", "get user by id getuserbyid"),
        ("get_user_by_id", "get user by id getuserbyid"),
        ("GET_USER_BY_ID", "get user by id getuserbyid"),
        ("HTTPServer", "http server httpserver"),
        ("XMLHttpRequest", "xml http request xmlhttprequest"),
        ("userIDs", "user ids userids"),
        ("__init__", "init"),
        ("utf8", "utf utf8"),
        ("base64", "base base64 64"),
        ("v2", "v2"),
        ("HTTP_404_NOT_FOUND", "http 404 not found http404notfound"),
        ("OAuth2PasswordBearer", "oauth auth oauth2 password bearer oauth2passwordbearer"),
        ("IService", "iservice service"),
        ("std::vector<int>", "std vector int"),
        ("x + 42", "x 42"),
        ("ПолучитьПользователя по имени", "получить пользователя получитьпользователя по имени"),
        ("расчётСчёта", "расчет счета расчетсчета"),
        ("naïveBayes", "naïve bayes naïvebayes"),
        ("", ""),
        ("___ --> {}", ""),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert words(text) == expected.split()


def test_a_very_long_identifier_yields_no_very_long_words() -> None:
    found = words("a1B2" * 5_000)
    assert max(map(len, found)) <= MAX_WORD
    assert len(found) < 200


@given(st.text())
def test_any_text_yields_lower_case_words_without_separators(text: str) -> None:
    for word in words(text):
        assert word
        assert word == word.lower()
        assert not set(word) & set("_ \n\t")


@given(st.lists(st.from_regex(r"[a-z]{2,8}", fullmatch=True), min_size=2, max_size=4))
def test_camel_case_and_snake_case_yield_the_same_words(parts: list[str]) -> None:
    camel = parts[0] + "".join(map(str.capitalize, parts[1:]))
    assert words(camel) == words("_".join(parts))


@pytest.mark.parametrize(
    "forms",
    [
        "validate validates validated validating validation validations validator validators",
        "route routes router routers routing",
        "parse parses parsed parser parsing",
        "dependency dependencies",
        "retry retries retried",
        "query queries",
        "class classes",
        "run runs runner running",
        "serialize serializer serialization",
        "пользователь пользователи пользователями",
        "скидка скидки скидок скидкой",
        "узел узла узлов узлы",
    ],
)
def test_forms_of_a_word_share_their_stem(forms: str) -> None:
    assert len(set(map(stem, forms.split()))) == 1


def test_unrelated_words_stay_distinct() -> None:
    different = "string ring status state class user use order over process address node type bus css id".split()
    assert len(set(map(stem, different))) == len(different)
