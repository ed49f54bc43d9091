"""`codeintel doctor`: report what is configured, reachable and missing."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ml.errors import CodeIntelError, StoreMissingError
from rag_service.cli import options, terminal

if TYPE_CHECKING:
    from ml.settings import Settings


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. `state`: ok, note (works, but worth knowing) or fail; `cure` is empty when ok."""

    name: str
    state: str
    found: str
    cure: str = ""


@click.command(short_help="Check the settings and what they refer to.")
@options.store_option
@options.json_option
def doctor(store: str | None, as_json: bool) -> None:
    """Check the settings and everything they refer to; exit with 1 when something required fails."""
    settings = options.settings_with(store=store)
    checks = list(run_checks(settings))
    if as_json:
        terminal.print_json({"settings": mask_secrets(settings), "checks": [asdict(check) for check in checks]})
    else:
        show(settings, checks)
    sys.exit(any(check.state == "fail" for check in checks))


def mask_secrets(settings: "Settings") -> dict[str, Any]:
    """Return every setting, with secrets masked and passwords removed from URLs."""
    return settings.model_dump(mode="json")


def run_checks(settings: "Settings") -> Iterator[Check]:
    """Run all checks; only addresses in the settings are contacted."""
    for name, look in CHECKS.items():
        try:
            yield look(settings)
        except StoreMissingError as error:
            yield Check(name, "note", error.cause, error.cure)
        except CodeIntelError as error:
            yield Check(name, "fail", error.cause, error.cure)


def check_python(_: "Settings") -> Check:
    """Report the Python interpreter."""
    return Check("python", "ok", f"{sys.version.split()[0]} at {sys.executable}")


def check_settings_file(_: "Settings") -> Check:
    """Report the settings file in use."""
    from ml.settings import FILE_NAME, config_file

    file = config_file()
    return Check("settings", "ok", str(file) if file else f"defaults and environment (no {FILE_NAME})")


def check_git(_: "Settings") -> Check:
    """Check that git is installed; URLs and revisions need it."""
    found = shutil.which("git")
    return (
        Check("git", "ok", found)
        if found
        else Check("git", "note", "not found", "install git to index URLs and revisions")
    )


def check_languages(_: "Settings") -> Check:
    """Report the languages that are parsed by grammar."""
    from ml.index.languages import LANGUAGES

    return Check("languages", "ok", f"{len(LANGUAGES)} by grammar: {', '.join(sorted(LANGUAGES))}")


def check_embedder(settings: "Settings") -> Check:
    """Check that the embedder opens; a remote one is contacted."""
    from ml.index.embedder import open_embedder

    embedder = open_embedder(settings)
    return Check("embedder", "ok", f"{embedder.name}, {embedder.dimension} dimensions")


def check_store(settings: "Settings") -> Check:
    """Check that the index opens, and count its contents."""
    from ml.index import open_index

    store, _ = open_index(settings)
    repositories = store.repositories()
    store.close()
    chunks = sum(repository.chunks for repository in repositories)
    if not repositories:
        return Check("store", "note", f"{settings.store}: empty", "run: codeintel index PATH_OR_URL")
    return Check("store", "ok", f"{settings.store}: {len(repositories)} repositories, {chunks:,} chunks")


def check_disk(settings: "Settings") -> Check:
    """Check the free disk space of an embedded index."""
    if "://" in settings.store:
        return Check("disk", "ok", "the index is on a server")
    folder = Path(settings.store).absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    if free < 1:
        return Check(
            "disk", "note", f"{free:.1f} GB free at {folder}", "free some space, or choose another folder with --store"
        )
    return Check("disk", "ok", f"{free:.0f} GB free at {folder}")


def check_llm(settings: "Settings") -> Check:
    """Check that the LLM is available; a remote one is asked for its models."""
    from ml.adapters.status import describe_llm

    return Check("llm", "ok", describe_llm(settings))


def check_model(settings: "Settings") -> Check:
    """Report the model that answers: its size, licence and speed, and whether it fits into the memory."""
    from ml.adapters.models import model_in_use
    from rag_service.cli.model import describe_speed, describe_state, gigabytes

    used = model_in_use(settings)
    if used is None or not used.size:
        return Check("model", "ok", "none on this machine, see: codeintel model list")
    about = f"{used.title}: {gigabytes(used.size)}, {used.licence or 'licence unknown'}, {describe_speed(used.speed)}"
    if used.fits and used.is_here:
        return Check("model", "ok", about)
    return Check("model", "note", f"{about}; {describe_state(used)}", "see: codeintel model list")


def check_records(settings: "Settings") -> Check:
    """Report where answers and feedback are read from; check Langfuse's keys if it is configured."""
    from ml.records import open_records

    return Check("records", "ok", open_records(settings).place())


def check_tracing(_: "Settings") -> Check:
    """Report that no telemetry is sent, and name the installed libraries that could send some."""
    loaded = "installed, disabled" if find_spec("langsmith") else "absent"
    return Check(
        "network",
        "ok",
        f"only the addresses set above are called, and where a model is pulled from (LangSmith tracing: {loaded})",
    )


CHECKS: dict[str, Callable[["Settings"], Check]] = {
    "python": check_python,
    "settings": check_settings_file,
    "git": check_git,
    "languages": check_languages,
    "embedder": check_embedder,
    "store": check_store,
    "disk": check_disk,
    "llm": check_llm,
    "model": check_model,
    "records": check_records,
    "network": check_tracing,
}


def show(settings: "Settings", checks: list[Check]) -> None:
    """Print settings and checks as text."""
    terminal.echo(terminal.style("Settings", bold=True), "  (each is CODEINTEL_NAME in the environment)")
    for name, value in mask_secrets(settings).items():
        changed = name in settings.model_fields_set
        terminal.echo(f"  {name:<24} ", terminal.style(str(value), bold=changed, dim=not changed))
    terminal.echo("\n", terminal.style("Checks", bold=True))
    marks = {"ok": ("✓", "green"), "note": ("!", "yellow"), "fail": ("✗", "red")}
    for check in checks:
        mark, colour = marks[check.state]
        cure = terminal.style(f"  → {check.cure}" if check.cure else "", fg="yellow")
        found = terminal.style(check.found)
        terminal.echo("  ", terminal.style(mark, fg=colour), f" {check.name:<10} ", found, cure)
