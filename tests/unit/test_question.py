"""What a question is understood to ask for, and how a glossary translates it."""

import pytest

from ml.errors import SettingsError
from rag_service.retrieve.glossary import Glossary, load_glossary, transliterate
from rag_service.retrieve.question import PathReference, understand


def words(question: str, glossary: Glossary | None = None) -> list[tuple[str, ...]]:
    return [term.words for term in understand(question, glossary or load_glossary()).terms]


def test_symbols_are_known_by_case_by_quotes_or_by_standing_alone() -> None:
    assert understand("where is APIRouter.add_api_route called").symbols == {"addapiroute"}
    assert understand("what does `distill` do with HTTPServer and utf8_decode").symbols >= {
        "distill",
        "httpserver",
        "utf8decode",
    }
    assert understand("Sinatra::Base").symbols >= {"base"}
    assert understand("distill").symbols == {"distill"}
    assert understand("how are routes registered").symbols == set()


def test_paths_are_named_with_and_without_a_line() -> None:
    assert understand("look at src/app/main.py:120, please").paths == (PathReference("src/app/main.py", 120),)
    assert understand("what is in Makefile.am").paths == (PathReference("Makefile.am", None),)


def test_stop_words_are_left_out_unless_there_are_no_others() -> None:
    assert words("get") == [("get",)]
    assert words("how does the parser work") == [("parser",)]
    assert words("как работает парсер?") == [("parser", "parse")]


@pytest.mark.parametrize(
    ("russian", "english"),
    [
        ("авторизованный", "authorization"),
        ("внедрение зависимостей", "dependency"),
        ("мидлварей", "middleware"),
        ("эндпоинтами", "endpoint"),
        ("настроек", "configure"),
        ("попыток", "attempt"),
        ("кэшируются", "cache"),
        ("ПЕРЕМЕННОЙ ОКРУЖЕНИЯ", "environment"),
        ("логгером", "logger"),
        ("транзакциях", "transaction"),
        ("деплоймента", "deployment"),
        ("распарсить", "parse"),
    ],
)
def test_the_general_glossary_knows_inflected_forms(russian: str, english: str) -> None:
    assert english in words(russian)[0]


def test_latin_words_in_a_russian_question_stay() -> None:
    assert words("где FastAPI проверяет OAuth2 токен")[0] == ("FastAPI",)
    assert ("OAuth2",) in words("где FastAPI проверяет OAuth2 токен")


def test_an_unknown_word_is_transliterated() -> None:
    assert transliterate("резольверы") == "rezolver"
    assert words("дормидонты") == [("dormidont", "дормидонты")]


def test_the_longest_entry_wins_and_a_file_named_first_wins_over_the_general_one() -> None:
    glossary = Glossary.read(
        "процессинг: billing\n", "процесс: process\nпроцессинг платежей: payments\nпроцессинг: other\n"
    )
    assert words("процессинга", glossary) == [("billing",)]
    assert words("процессингом платежей", glossary) == [("payments",)]
    assert words("процессов", glossary) == [("process",)]


def test_a_line_without_a_colon_is_an_error_that_quotes_it() -> None:
    with pytest.raises(SettingsError, match="line 2 of the glossary is 'процессинг billing'"):
        Glossary.read("# head\nпроцессинг billing\n")


def test_a_missing_glossary_is_an_error() -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        load_glossary("/no/such/file")


def test_the_general_glossary_is_as_large_as_it_says() -> None:
    assert len(load_glossary()) >= 1_200


@pytest.mark.parametrize(
    "question",
    [
        "почему под не стартует?",
        "где создаётся под?",
        "под падает при старте",
        "как удаляются поды",
        "сколько подов",
        "логи подами",
        "в поде",
    ],
)
def test_a_pod_is_not_a_preposition(question: str) -> None:
    assert ("pod",) in words(question)


@pytest.mark.parametrize(
    "question", ["что под капотом", "ответ под нагрузкой", "сборка под Linux", "под каждым модулем"]
)
def test_a_preposition_is_not_a_pod(question: str) -> None:
    assert ("pod",) not in words(question)


@pytest.mark.parametrize("form", ["узел", "узла", "узлов", "узлы", "узлах", "узлами"])
def test_a_fleeting_vowel_does_not_hide_a_word(form: str) -> None:
    assert words(form) == [("node",)]


def test_a_cyrillic_identifier_is_a_name() -> None:
    asked = understand("что делает СкидкаПоКарте и где она вызывается", load_glossary())
    assert asked.symbols == {"скидкапокарте"}
    assert ("СкидкаПоКарте",) in [term.words for term in asked.terms]
    assert understand("РасчётЦены").symbols >= understand("РасчетЦены").symbols
