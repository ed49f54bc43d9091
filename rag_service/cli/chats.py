"""`codeintel chats`: list, show, rename, delete and export the kept chats."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag_service.cli import options, terminal
from rag_service.cli.markdown import MarkdownPrinter

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from rag_service.chats.store import Chat, Chats

COMPLETED = 20


class ChatId(click.ParamType[str]):
    """A chat's id, completed from the chats used last."""

    name = "chat"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """Return the chats whose ids begin like this, each with its title."""
        from click.shell_completion import CompletionItem

        from ml.errors import RecordError

        try:
            known = _chats().find(limit=COMPLETED)
        except RecordError:
            return []
        return [CompletionItem(chat.id, help=chat.title) for chat in known if chat.id.startswith(incomplete)]


@click.group(short_help="List, show, rename, delete and export the kept chats.")
def chats() -> None:
    """List, show, rename, delete and export the chats kept in the data folder. `codeintel ask --chat` continues one."""


@chats.command("list", short_help="List the kept chats, last used first.")
@click.argument("words", nargs=-1)
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many to list.")
@options.json_option
def list_(words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List the kept chats, last used first; with WORDS, those whose title, questions or answers contain them all."""
    found = _chats().find(" ".join(words), limit=limit)
    if as_json:
        terminal.print_json(list(map(asdict, found)))
        return
    for chat in found:
        terminal.echo(*row(chat))
    if not found:
        terminal.print_aside("no chat contains these words" if words else "no chats yet: `codeintel ask` begins one")


@chats.command(short_help="Print a chat.")
@click.argument("chat", type=ChatId())
@options.json_option
def show(chat: str, as_json: bool) -> None:
    """Print a chat: its questions, answers and sources."""
    if as_json:
        kept = _chats()
        turns = [asdict(turn) for turn in kept.turns(chat)]
        terminal.print_json(asdict(kept.chat(chat)) | {"conversation": turns})
        return
    printer = MarkdownPrinter()
    printer.write(_exported(chat))
    printer.close()


@chats.command(short_help="Give a chat another title.")
@click.argument("chat", type=ChatId())
@click.argument("title")
@options.json_option
def rename(chat: str, title: str, as_json: bool) -> None:
    """Give CHAT the title TITLE."""
    renamed = _chats().rename(chat, title)
    if as_json:
        terminal.print_json(asdict(renamed))
    else:
        terminal.echo(*row(renamed))


@chats.command(short_help="Delete chats for good.")
@click.argument("ids", nargs=-1, required=True, type=ChatId(), metavar="CHAT...")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@options.json_option
def delete(ids: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete chats for good."""
    kept = _chats()
    found = [kept.chat(chat) for chat in dict.fromkeys(ids)]
    for chat in found:
        if not yes:
            terminal.echo(*row(chat), err=True)
            click.confirm("Delete this chat?", abort=True, err=True)
        kept.delete(chat.id)
    if as_json:
        terminal.print_json([asdict(chat) for chat in found])
    else:
        terminal.echo(f"deleted {len(found)}")


@chats.command(short_help="Export a chat as Markdown.")
@click.argument("chat", type=ChatId())
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File to write.  [default: stdout]"
)
def export(chat: str, output: Path | None) -> None:
    """Export a chat as Markdown, its citations as `path:line`."""
    text = _exported(chat)
    if output is None:
        terminal.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(output), error.strerror) from error
    terminal.echo(f"{chat} is in {output}")


def row(chat: "Chat") -> terminal.Line:
    """Format a chat as one line."""
    used = datetime.fromisoformat(chat.updated).astimezone().strftime("%Y-%m-%d %H:%M")
    questions = f"{chat.turns} question" + "s" * (chat.turns != 1)
    return [terminal.style(chat.id, fg="cyan"), f"  {used}  ", chat.title, "  ", terminal.style(questions, dim=True)]


def _chats() -> "Chats":
    from rag_service.chats.store import open_chats

    return open_chats(options.settings_with())


def _exported(chat: str) -> str:
    from rag_service.chats.markdown import export as as_markdown

    kept = _chats()
    return as_markdown(kept.chat(chat), kept.turns(chat))
