"""Which sentences of a small LLM are kept. The wrong ones were written by SmolLM2-135M about real code."""

import pytest

from rag_service.answer.generated.support import Cited, first_sentence, is_supported

READ = Cited(
    "read_settings",
    "def read_settings(path: Path, encoding: str) -> Settings:",
    "    if not path.exists():\n        raise SettingsError(path)\n    text = path.read_text(encoding)\n    return parse_toml(text)",
)
QUESTION = "how is the configuration loaded?"


@pytest.mark.parametrize(
    "sentence",
    [
        "`read_settings` raises `SettingsError` when the path does not exist",
        "`read_settings` takes a path and an encoding and returns `Settings`",
        "`read_settings` calls `parse_toml` with the text of the path",
    ],
)
def test_a_supported_sentence_is_kept(sentence: str) -> None:
    assert is_supported(sentence, READ, "", QUESTION)


@pytest.mark.parametrize(
    ("why", "sentence"),
    [
        ("invented name", "`read_settings` raises `ConfigError` when the path does not exist"),
        ("invented number", "`read_settings` raises `SettingsError` after 3 paths exist"),
        ("raises what it returns", "`read_settings` raises `Settings` from the text of the path"),
        ("returns what it raises", "`read_settings` returns `SettingsError` from the text of the path"),
        ("takes what it makes", "`read_settings` takes a text and returns `Settings`"),
        ("calls what is no call", "`read_settings` calls the encoding and the text of the path"),
        ("a word of its own", "`read_settings` is a decorator that reads settings from the path"),
        ("another subject", "`parse_toml` returns `Settings` and raises `SettingsError`"),
        ("no name at all", "Settings are read from the path and the text"),
        ("too short", "`read_settings` returns settings"),
        ("a list", "- `read_settings` raises `SettingsError` when the path does not exist"),
        ("a link", "`read_settings` raises [SettingsError](http://x) when the path does not exist"),
        ("another language", "`read_settings` читает настройки, если путь существует"),
        ("echo of the question", "`read_settings` is how the configuration is loaded"),
    ],
)
def test_an_unsupported_sentence_is_dropped(why: str, sentence: str) -> None:
    assert not is_supported(sentence, READ, "", QUESTION), why


def test_a_sentence_that_repeats_the_answer_is_dropped() -> None:
    sentence = "`read_settings` raises `SettingsError` when the path does not exist"
    assert not is_supported(sentence, READ, "It raises SettingsError if the path does not exist [1].", QUESTION)


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("`f` adds [1].", ""),
        ("`f` adds [1]. ", "`f` adds"),
        (" `f` adds. It also", "`f` adds"),
        ("`f` adds\nsomething. ", ""),
        ("", ""),
    ],
)
def test_only_a_whole_first_sentence_counts(written: str, sentence: str) -> None:
    assert first_sentence(written) == sentence
