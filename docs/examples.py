"""Write docs/examples.md and docs/examples.ru.md: answers to the questions of docs/examples.toml about the packages of `make ask`.

`make docs`, or `python -m docs.examples` once `make .cache/examples/.done` has installed the packages.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ml.settings import Settings
from rag_service.answer.assistant import Assistant, open_assistant
from rag_service.answer.conversation.turns import Turn
from rag_service.answer.question import Language, language_of
from rag_service.learning.index import IndexRequest, build_indexes
from rag_service.wire import SOURCES, source_line

QUESTIONS = Path(__file__).with_suffix(".toml")
PAGES: Mapping[Language, Path] = {"en": Path(__file__).with_suffix(".md"), "ru": Path(__file__).with_suffix(".ru.md")}
PACKAGES = Path(__file__).parents[1] / ".cache" / "examples"
HEADS: Mapping[Language, str] = {
    "en": """# Example answers

По-русски: [examples.ru.md](examples.ru.md).

Questions of different kinds about {packages}, and what `codeintel ask` answers without a language model,
unedited: `make docs` writes this page from [examples.toml](examples.toml). Ask one yourself with `make ask Q="…"`.
""",
    "ru": """# Примеры ответов

In English: [examples.md](examples.md).

Разные вопросы о {packages} и то, что на них отвечает `codeintel ask` без языковой модели, без правок: страницу
пишет `make docs` по вопросам из [examples.toml](examples.toml). Спросить самому: `make ask Q="…"`.
""",
}
AND: Mapping[Language, str] = {"en": " and ", "ru": " и "}
UNDERSTOOD: Mapping[Language, str] = {"en": "Understood as:", "ru": "Вопрос понят так:"}


@dataclass(frozen=True)
class Example:
    """A kind of question: its title, and what is asked, by language; more than one question is a conversation."""

    title: Mapping[Language, str]
    en: Sequence[str]
    ru: Sequence[str]

    def questions(self, language: Language) -> Sequence[str]:
        """Return what the page of that language asks."""
        return self.en if language == "en" else self.ru


def read_examples() -> list[Example]:
    """Return the examples in the order of the pages."""
    return [Example(**each) for each in tomllib.loads(QUESTIONS.read_text(encoding="utf-8"))["examples"]]


@contextmanager
def open_examples(folder: Path) -> Iterator[Assistant]:
    """Index the packages in an empty folder, and yield an assistant without an LLM that answers about them."""
    settings = Settings(store=str(folder / "store"), data_dir=str(folder / "data"), llm="none")
    build_indexes(settings, IndexRequest((str(PACKAGES / "fastapi"), str(PACKAGES / "langchain-core"))))
    with open_assistant(settings) as assistant:
        yield assistant


def write_example(assistant: Assistant, questions: Sequence[str]) -> Iterator[str]:
    """Yield the Markdown of a conversation: each question, how it was understood, its answer and the cited places."""
    history: list[Turn] = []
    for question in questions:
        answer = assistant.answer(question, history=history)
        history.append(Turn(question, answer.answer, answer.citations))
        language = language_of(answer.question)
        yield f"> {question}\n"
        if answer.question != question:
            yield f"*{UNDERSTOOD[language]} {answer.question}*\n"
        yield answer.answer.rstrip() + "\n"
        if answer.citations:
            yield f"<details><summary>{SOURCES[language]}</summary>\n"
            yield "\n".join(map(source_line, answer.citations)) + "\n"
            yield "</details>\n"


def write_page(assistant: Assistant, language: Language) -> Iterator[str]:
    """Yield the Markdown of a page."""
    indexed = sorted(assistant.store.repositories(), key=lambda each: each.name)
    yield HEADS[language].format(packages=AND[language].join(f"{each.name} {each.revision}" for each in indexed))
    for number, example in enumerate(read_examples(), 1):
        yield f"## {number}. {example.title[language]}\n"
        yield from write_example(assistant, example.questions(language))


def main() -> None:
    """Write both pages."""
    with TemporaryDirectory() as folder, open_examples(Path(folder)) as assistant:
        for language, file in PAGES.items():
            file.write_text("\n".join(write_page(assistant, language)), encoding="utf-8")


if __name__ == "__main__":
    main()
