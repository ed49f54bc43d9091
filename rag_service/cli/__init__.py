"""The `codeintel` command line: one command per file. Importing them all must stay cheap (`--help` in 0.25 s)."""

import sys
from itertools import takewhile
from typing import NoReturn

import click

from ml.errors import CodeIntelError, SettingsError, error_as_dict
from ml.visible import is_unicode
from rag_service.cli import (
    ask,
    chats,
    completion,
    dataset,
    doctor,
    drift,
    evaluate,
    index,
    mcp,
    model,
    pipeline,
    promote,
    remove,
    repos,
    search,
    serve,
    terminal,
    train,
)

EPILOG = "First steps:  codeintel index PATH_OR_URL  then  codeintel ask 'where is the retry policy set?'"


class _AsListed(click.Group):
    """A group that lists its commands in the order in which a newcomer needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_AsListed, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(None, "-V", "--version", package_name="codeintel", prog_name="codeintel")
def cli() -> None:
    """Answers questions about your repositories, on your own hardware, with links to path:line."""


for command in (
    index.index,
    search.search,
    ask.ask,
    chats.chats,
    serve.serve,
    mcp.mcp,
    repos.repos,
    remove.remove,
    model.model,
    dataset.dataset,
    train.train,
    evaluate.evaluate,
    promote.promote,
    pipeline.pipeline,
    drift.drift,
    doctor.doctor,
    completion.completion,
):
    cli.add_command(command)


def check_encoding(arguments: list[str]) -> None:
    """Raise SettingsError for an argument that is not UTF-8, since no index could store it."""
    for argument in arguments:
        if not is_unicode(argument):
            raise SettingsError(f"the argument {argument} is not UTF-8", "pass it in UTF-8; rename files if needed")


def main() -> None:
    """Run the command line; an expected failure prints its cause and cure on one stderr line and exits non-zero.

    With --json it also prints one JSON document on stdout: {"error": {"cause": …, "cure": …}}.
    """
    terminal.guard()
    try:
        check_encoding(sys.argv[1:])
        cli(standalone_mode=False)
    except CodeIntelError as error:
        _fail(error.cause, error.cure, error.exit_code)
    except click.UsageError as error:
        command_path = error.ctx.command_path if error.ctx else "codeintel"
        _fail(error.format_message().rstrip("."), f"see `{command_path} --help`", error.exit_code)
    except click.ClickException as error:
        _fail(error.format_message(), "", error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail("stopped", "", 130)
    except BrokenPipeError:
        terminal.drop_output()  # the reader of the pipe (head, less) has exited
        sys.exit(141)


def _fail(cause: str, cure: str, exit_code: int) -> NoReturn:
    if "--json" in takewhile(lambda word: word != "--", sys.argv[1:]):
        terminal.print_json(error_as_dict(cause, cure))
    terminal.fail(f"{cause}: {cure}" if cure else cause, exit_code)
