"""Write docs/reference.md from the code: every command's help, every setting, and who may talk to whom.

`make docs`; a test checks it.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import click
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from infra.pulumi.ends import Anyone, End, Pods
from infra.pulumi.outputs import PLACES, SLICES
from infra.pulumi.section import Section, section_of
from infra.pulumi.settings import PREFIX, Presence
from infra.pulumi.settings import Settings as Platform
from infra.pulumi.ways import WAYS
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


def platform_settings() -> Iterator[str]:
    """Yield the table of a stack's settings, section by section."""
    yield "| setting | default | what it is |\n|---|---|---|"
    yield from _rows(PREFIX, Platform)


def _rows(prefix: str, section: type[Section]) -> Iterator[str]:
    for field in section.model_fields.values():
        name, model = f"{prefix}{field.alias}", section_of(field.annotation)
        if model:
            yield f"| `{name}` | | **{(model.__doc__ or '').splitlines()[0]}** |"
            yield from _rows(f"{name}.", model)
        else:
            yield _row(name, field)


def _row(name: str, field: FieldInfo) -> str:
    words = {Presence.INSTALL: True, Presence.OFF: False}  # as a stack's file says it
    default = words.get(field.default, field.default) if isinstance(field.default, Presence) else field.default
    shown = "required" if field.is_required() else "" if default is None else f"`{json.dumps(default)}`"
    return f"| `{name}` | {shown} | {field.description or ''} |"


def outputs() -> Iterator[str]:
    """Yield the table of the stack's outputs."""
    yield "| output | component | type | what it is |\n|---|---|---|---|"
    for each in PLACES:
        keys = ", ".join(f"`{key}`" for key in each.value)
        yield f"| `{each.name}` | `{to_camel(each.component)}` | object of strings: {keys} | `{each.service.url}` |"
    yield f"| `{SLICES}` | `gpuNode` | integer | how many slices training takes: `codeintel pipeline compile --slices` |"


def ways() -> Iterator[str]:
    """Yield the table of the platform's network, in the order of the code."""
    yield "| to | in | on | from | for |\n|---|---|---|---|---|"
    for way in WAYS:
        callers = ", ".join(_end(each) for each in way.callers)
        space = f"`{way.callee.namespace}`" if isinstance(way.callee, Pods) else ""
        ports = ", ".join(map(str, way.ports)) or "all"
        yield f"| {_end(way.callee)} | {space} | {ports} | {callers} | {way.why} |"


def _end(end: End) -> str:
    return str(end) if isinstance(end, Anyone) else end.name


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
            "## Platform: settings of a stack",
            "",
            "`pulumi config set --path codeintel:SECTION.NAME VALUE`. [The platform](platform.md) explains.",
            "",
            *platform_settings(),
            "",
            "## Platform: outputs of a stack",
            "",
            "`pulumi stack output NAME --json`. A component that is left out has no output. `address` is for use in the",
            "cluster, `reach` the command that forwards a port to it, `password` the one that prints its key or first password.",
            "",
            *outputs(),
            "",
            "## Platform: who may talk to whom",
            "",
            "The network policies of the platform are made from this table (`infra/pulumi/ways.py`); everything else is shut.",
            "A row holds if the stack has both ends. Ports are those of the pods. `everybody` and `every pod` open the callee",
            "alone: a pod of the platform still reaches only what names it. All of them may ask the cluster's DNS.",
            "",
            *ways(),
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
