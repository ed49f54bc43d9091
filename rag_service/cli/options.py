"""Options that several commands share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ml.index.store.base import Where
    from ml.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])


class SettingChoice(click.ParamType[str]):
    """One of the values that a setting allows, read only when needed: importing the settings would slow `--help`."""

    name = "choice"

    def __init__(self, setting: str) -> None:
        self._setting = setting

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Return the values as `[a|b]`."""
        return self._choice().get_metavar(param, ctx)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the value, if the setting allows it; otherwise fail and name those that it allows."""
        return self._choice().convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """Return the values that begin like this."""
        return self._choice().shell_complete(ctx, param, incomplete)

    def _choice(self) -> click.Choice[str]:
        from ml.settings import Settings

        return click.Choice(get_args(Settings.model_fields[self._setting].annotation))


def store_option(command: Command) -> Command:
    """Add --store."""
    return click.option(
        "--store",
        metavar="DIR_OR_URL",
        help="The index: a folder, or a Qdrant server's URL. [default: from the settings, see doctor]",
    )(command)


def filter_options(command: Command) -> Command:
    """Add the repeatable options --repo, --path and --language."""
    for option in (
        click.option("--language", "languages", multiple=True, metavar="L", help="Only this language (repeatable)."),
        click.option(
            "--path", "paths", multiple=True, metavar="GLOB", help="Only files like 'src/**/*.py' (repeatable)."
        ),
        click.option("--repo", "repos", multiple=True, metavar="R", help="Only this repository (repeatable)."),
    ):
        command = option(command)
    return command


def json_option(command: Command) -> Command:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def settings_with(**changes: Any) -> "Settings":
    """Return the settings, overridden by the command line; None overrides nothing."""
    from ml.settings import get_settings

    return get_settings().model_copy(update={name: value for name, value in changes.items() if value is not None})


def build_filter(repos: tuple[str, ...], paths: tuple[str, ...], languages: tuple[str, ...]) -> "Where":
    """Create a filter from the values of `filter_options`."""
    from ml.index.store.base import Where

    return Where(repos or None, paths or None, languages or None)
