"""`codeintel ask`: stream an answer, then list its sources."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from rag_service import wire
from rag_service.answer.asker import Asker
from rag_service.cli import options, terminal
from rag_service.cli.chats import ChatId
from rag_service.cli.markdown import MarkdownPrinter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml.index.store.base import Where
    from ml.settings import Settings
    from rag_service.answer.assistant import Assistant
    from rag_service.answer.events import Answer, Event
    from rag_service.answer.scope import Scope
    from rag_service.chats.keeping import Place
    from rag_service.chats.store import Chats

SHORT_REVISION = 12
UNITS = (("year", 31_536_000), ("month", 2_592_000), ("day", 86_400), ("hour", 3_600), ("minute", 60))


@click.command(short_help="Answer a question, each claim with its path:line.")
@click.argument("question")
@click.option(
    "--in",
    "sources",
    multiple=True,
    metavar="PATH_OR_URL",
    help="Index this first (or update its index) and search only this.",
)
@click.option(
    "--llm", type=options.SettingChoice("llm"), help="The LLM backend.  [default: from the settings, see doctor]"
)
@click.option(
    "--continue", "-c", "continues", is_flag=True, help="Continue your last chat: 'where is it used?', 'why?'."
)
@click.option(
    "--chat", type=ChatId(), metavar="ID", help="Continue this chat (see `codeintel chats list`); new begins one."
)
@options.filter_options
@options.store_option
@options.json_option
def ask(
    question: str,
    continues: bool,
    chat: str | None,
    sources: tuple[str, ...],
    llm: str | None,
    repos: tuple[str, ...],
    paths: tuple[str, ...],
    languages: tuple[str, ...],
    store: str | None,
    as_json: bool,
) -> None:
    """Answer QUESTION from the indexed code; every [n] points at the lines that support it.

    It begins a chat that is kept and can be continued; with --json only if --chat says so.
    """
    settings = options.settings_with(store=store, llm=llm)
    place = find_place(settings, chat, continues=continues, begins=not as_json)
    if sources:
        from rag_service.cli.index import index_all

        repos += tuple(report.repository.name for report in index_all(sources, settings))
    from rag_service.answer.assistant import open_assistant
    from rag_service.answer.events import last_answer

    with open_assistant(settings) as assistant:
        events = ask_at(place, assistant, question, options.build_filter(repos, paths, languages))
        if as_json:
            terminal.print_json(wire.answer(last_answer(events)))
            return
        answer = stream(events)
        known = {repository.name: repository.source for repository in assistant.store.repositories()}
    if answer.question != question:
        terminal.print_aside(f"understood as: {answer.question}", dim=True)
    show_sources(answer, terminal.Places(known, settings.editor_link))


def find_place(settings: "Settings", chat: str | None, *, continues: bool, begins: bool) -> "Place | None":
    """Return the chat to keep the answer in, None for none. Raise ChatMissingError or UsageError."""
    from rag_service.chats.keeping import NEW, Place
    from rag_service.chats.store import open_chats

    if continues and chat:
        raise click.UsageError("--continue and --chat exclude each other")
    if not (continues or chat or (begins and settings.keep_chats)):
        return None
    kept = open_chats(settings)
    return Place.named(kept, last_chat(kept) if continues else chat or NEW, Asker.local())


def last_chat(kept: "Chats") -> str:
    """Return the id of the chat that this user used last. Raise ChatMissingError."""
    from ml.errors import ChatMissingError

    last = kept.last(Asker.local().name)
    if last is None:
        raise ChatMissingError("there is no chat to continue", "ask without --continue first")
    return last.id


def ask_at(place: "Place | None", assistant: "Assistant", question: str, where: "Where") -> "Iterator[Event]":
    """Return the events of a question, asked in a chat if there is a place for it."""
    if place is None:
        return assistant.ask(question, where=where, asker=Asker.local())
    return place.ask(question, lambda turns: assistant.ask(question, where=where, asker=place.asker, history=turns))


def stream(events: "Iterator[Event]") -> "Answer":
    """Print the answer as it streams, notices on stderr, and return the complete answer."""
    from rag_service.answer.events import Answer, Notice, Text

    printer = MarkdownPrinter()
    for event in events:
        match event:
            case Text(text):
                printer.write(text)
            case Notice(text):
                terminal.print_aside(text, fg="yellow")
            case Answer():
                printer.close()
                return event
    raise AssertionError("the stream of events must end with an Answer")


def describe_scope(scope: "Scope") -> "Iterator[str]":
    """Yield lines on what was searched, how fresh it is, and what was not looked at."""
    for each in scope.searched:
        yield f"{each.repo} {each.revision[:SHORT_REVISION]}, indexed {age(each.indexed_at)}{_behind(each.behind)}"
    if more := scope.repositories - len(scope.searched):
        yield f"and {more} more {'repository' if more == 1 else 'repositories'} searched"
    if scope.others:
        yield f"not searched, because of the filter: {', '.join(scope.others)}"
    for left in scope.left_out:
        yield f"not indexed: {left.path} in {left.repo} ({left.reason})"


def _behind(commits: int | None) -> str:
    return f"; HEAD is {commits} commit{'s'[: commits != 1]} ahead" if commits else ""


def age(indexed_at: str, now: datetime | None = None) -> str:
    """Return how long ago a time (ISO 8601) was, in its largest unit."""
    seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(indexed_at)).total_seconds()
    for unit, length in UNITS:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s'[: count != 1]} ago"
    return "just now"


def show_sources(answer: "Answer", places: terminal.Places) -> None:
    """Print each cited location once."""
    if answer.citations:
        terminal.echo("\n", terminal.style("Sources", bold=True))
    seen = set()
    for citation in answer.citations:
        key = (citation.n, citation.file_path, citation.line_start, citation.line_end)
        if key not in seen:
            seen.add(key)
            where = places.link(citation.repo, citation.file_path, citation.line_start, citation.line_end)
            terminal.echo(f"  [{citation.n}] ", where, "  ", terminal.style(citation.repo, dim=True))
    seconds = sum(answer.timings.values())
    dropped = f", {answer.dropped} statements that no lines bear were dropped" if answer.dropped else ""
    chat = f", chat {answer.chat} (to ask on: --continue)" if answer.chat else ""
    terminal.echo("\n", terminal.style(f"{answer.model}, {seconds:.1f} s{dropped}{chat}", dim=True))
    for line in describe_scope(answer.scope):
        terminal.echo(terminal.style(line, dim=True))
