"""Write docs/reference.md, every command's help and every setting, from the code: `make docs`. A test checks it."""

from collections.abc import Iterator
from pathlib import Path

import click

from ml.settings import Settings
from rag_service.cli import cli

TARGET = Path(__file__).with_name("reference.md")


def commands() -> Iterator[str]:
    """Yield a section for each command: its own --help."""
    names = cli.context_settings["help_option_names"]
    root = click.Context(cli, info_name="codeintel", max_content_width=100, terminal_width=100, help_option_names=names)
    yield f"```\n{cli.get_help(root)}\n```\n"
    yield from _below(cli, root)


def _below(group: click.Group, parent: click.Context) -> Iterator[str]:
    for name, command in group.commands.items():
        context = click.Context(command, info_name=name, parent=parent, max_content_width=100, terminal_width=100)
        yield f"### {context.command_path}\n\n```\n{command.get_help(context)}\n```\n"
        if isinstance(command, click.Group):
            yield from _below(command, context)


def settings() -> Iterator[str]:
    """Yield the table of the settings, in the order of the class."""
    yield "| setting | default | what it is |\n|---|---|---|"
    for name, field in Settings.model_fields.items():
        default = "the user's data folder" if field.default_factory else f"`{field.default}`"
        yield f"| `{name}` | {'' if field.default is None else default} | {field.description} |"


def render() -> str:
    """Return the complete page."""
    return "\n".join(
        [
            "# Reference",
            "",
            "Made from the code by `make docs`. The [guide](guide.md) ([по-русски](guide.ru.md)) explains.",
            "",
            "## Settings",
            "",
            "In the environment as `CODEINTEL_NAME`, or in `codeintel.toml` as `name = value` (working folder, or the user's",
            "configuration folder; `CODEINTEL_CONFIG` names another file). The environment wins over the file.",
            "",
            *settings(),
            "",
            "## Errors",
            "",
            "A command that fails prints one line on stderr, `error: cause: cure`, and ends with a status above 0 (2: the command",
            "line or a setting is wrong; 130: it was stopped). With `--json` it prints one JSON document on stdout as well,",
            '`{"error": {"cause": "…", "cure": "…"}}`, so that stdout is JSON whatever happens.',
            "",
            "## Commands",
            "",
            *commands(),
        ]
    )


if __name__ == "__main__":
    TARGET.write_text(render())
