"""What a request of OpenAI's API asks for, in the form that chat completions and responses share."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from ml.errors import ParameterError, SourceError
from ml.index.store.base import Where
from ml.patterns import linear
from rag_service import wire
from rag_service.answer.asker import Asker
from rag_service.answer.events import Answer, Event, Text
from rag_service.answer.generated.structured import check_schema, fill_schema
from rag_service.answer.question import Language, language_of
from rag_service.http import sse
from rag_service.http.routes import chores
from rag_service.http.routes.conversation import Message, conversation_of
from rag_service.http.routes.replies import Form, Limits
from rag_service.http.routes.wrapped import documents_in
from rag_service.http.service import Service

MODEL = "codeintel"
MAX_MESSAGES = 1_000
MAX_NAME = 500
MOST_STOPS = 4
ONLY_CODE: dict[Language, str] = {
    "en": "Only the indexed code was searched, not the documents that your chat put before the question.",
    "ru": "Поиск шёл только в проиндексированном коде, а не в документах, которые чат подставил перед вопросом.",
}
LONGEST_PROMPT = 20_000  # characters of a system prompt that are read
SYSTEM, TURNS = ("system", "developer"), ("user", "assistant")
NO_PICTURES = "only text can be read"
DESCRIBE = "send it as text: paste the code, the log or the message"

ModelName = Annotated[
    str, Field(max_length=MAX_NAME, description='"codeintel", or "codeintel:REPO" for one repository alone')
]
Stop = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
# "Answer in Russian", "respond only in English"; "отвечай по-русски", "отвечай на русском".
WANTED = linear(
    r"(?i)(not |never |n't )?\b(?:answer|respond|reply|write|speak|talk)\b[^.\n]{0,60}?\bin (russian|english)\b"
    r"|(не )?(?:отвеча|ответ|пиши|говори)[^.\n]{0,60}?(?:на |по[- ])(русск|английск)"
)
LANGUAGES: dict[str, Language] = {"russian": "ru", "english": "en", "русск": "ru", "английск": "en"}


@dataclass(frozen=True, slots=True)
class Asking:
    """A checked request: what is asked of which model, how the reply is limited and formed, and what has no effect."""

    model: str
    messages: Sequence[Message]
    ignored: Sequence[str]
    limits: Limits
    format: Mapping[str, Any]
    language: Language | None

    def form(self, base: str) -> Form:
        """Return how the reply is written; `base` is the address of this service."""
        return Form(self.limits, self.language, bool(self.format), base)

    @property
    def characters(self) -> int:
        """The length of all messages."""
        return sum(len(message.text) for message in self.messages)


def asking(
    model: str, messages: dict[str, Message], ignored: Iterable[str], limits: Limits, form: Mapping[str, Any]
) -> Asking:
    """Return a request whose messages, by their names in it, are checked. Raise ParameterError for an unreadable part.

    Of system prompts the language that they want is honoured; the rest of them has no effect.
    """
    asked = next((name for name in reversed(messages) if messages[name].role == "user"), None)
    unread = list(ignored)
    language: Language | None = None
    for name, message in messages.items():
        if other := message.other_parts:
            if name == asked:
                raise ParameterError(name, f"{other[0]}: {NO_PICTURES}", DESCRIBE)
            unread += [f"{name}.{kind}" for kind in other]
        if message.role in SYSTEM and (wanted := wanted_language(message.text)):
            language = wanted
        elif message.role not in TURNS:
            unread.append(name)
    return Asking(model, list(messages.values()), unread, limits, form, language)


def wanted_language(prompt: str) -> Language | None:
    """Return the language in which a system prompt wants its answers, None if it does not say."""
    found = WANTED.search(prompt[:LONGEST_PROMPT])
    if not found or found[1] or found[3]:
        return None
    return LANGUAGES[(found[2] or found[4]).lower()]


def where_of(model: str, service: Service) -> Where:
    """Return what a model searches. Raise SourceError if there is no such model."""
    if model == MODEL:
        return Where()
    names = model_names(service)
    if model not in names:
        raise SourceError(f"there is no model {model!r}", f"use one of: {', '.join(names)}")
    return Where(repos=[model.removeprefix(f"{MODEL}:")])


def model_names(service: Service) -> list[str]:
    """Return the names of the models: the whole index, and each repository alone."""
    return [MODEL, *(f"{MODEL}:{repository.name}" for repository in service.repositories())]


def events_of(asked: Asking, service: Service, asker: Asker) -> Generator[Event]:
    """Answer a request: a question from the code, a front end's housekeeping prompt without a search."""
    where = where_of(asked.model, service)
    chore = chores.reply(asked.messages)
    if chore is not None:
        yield Text(chore)
        yield Answer(id="", question="", answer=chore, citations=(), model=MODEL, timings={})
        return
    history, question = conversation_of(asked.messages, service.settings.max_question_chars)
    writer = _json_writer(asked, service)
    events = service.ask(question, where, asker, history, asked.language)
    if any(message.role == "user" and documents_in(message.text) for message in asked.messages[-1:]):
        events = _noting(events, ONLY_CODE[asked.language or language_of(question)])
    yield from _as_json(events, writer) if writer else events


def _noting(events: Iterable[Event], notice: str) -> Generator[Event]:
    """Yield the events with a notice in the answer."""
    for event in events:
        yield replace(event, notices=(*event.notices, notice)) if isinstance(event, Answer) else event


def _json_writer(asked: Asking, service: Service) -> Callable[[Answer], str] | None:
    """Return what turns an answer into JSON, None if text is wanted. Raise ParameterError if an LLM is needed and missing."""
    match asked.format:
        case {"type": "json_object"}:
            return _own_json
        case {"type": "json_schema", "schema": schema}:
            llm = service.assistant.llm.get()
            if llm is None:
                raise ParameterError(
                    "response_format",
                    "a JSON schema is filled by a language model, and none is configured",
                    'use {"type": "json_object"}, which returns answer and citations, or set llm',
                )
            return lambda answer: fill_schema(llm, answer, schema, asked.language or language_of(answer.question))
        case _:
            return None


def _own_json(answer: Answer) -> str:
    told = wire.answer(answer)
    return sse.to_json({key: told[key] for key in ("answer", "found", "citations", "notices", "model")})


def _as_json(events: Iterable[Event], writer: Callable[[Answer], str]) -> Generator[Event]:
    """Yield the events with JSON in the place of the text; without evidence, the answer stays as it is."""
    for event in events:
        if isinstance(event, Answer) and event.found:
            text = writer(event)
            yield Text(text)
            yield replace(event, answer=text)
        elif not isinstance(event, Text):
            yield event


def limits_of(stop: str | Sequence[str] | None, *most: int | None) -> Limits:
    """Return the limits of a reply: its stop sequences, and the smallest of the given numbers of tokens."""
    stops = [stop] if isinstance(stop, str) else list(stop or ())
    return Limits(stops, min((number for number in most if number is not None), default=None))


def format_of(wanted: Mapping[str, Any] | None, param: str) -> dict[str, Any]:
    """Return the form of a reply that is not text, {} for text. Raise ParameterError for an unknown or impossible one."""
    match wanted:
        case None | {"type": "text"}:
            return {}
        case {"type": "json_object"}:
            return {"type": "json_object"}
        case {"type": "json_schema", "json_schema": {"schema": schema}} | {"type": "json_schema", "schema": schema}:
            return {"type": "json_schema", "schema": check_schema(schema, param)}
        case _:
            raise ParameterError(param, f"{param} is none that is known", "use text, json_object or json_schema")
