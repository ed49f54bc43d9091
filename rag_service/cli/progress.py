"""Progress bars for terminals. Their text is untrusted: no markup, and control characters are made visible."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ml.visible import visible
from rag_service.cli import terminal

if TYPE_CHECKING:
    from rich.progress import TaskID


class Draw(Protocol):
    """A callback that draws a bar's new state."""

    def __call__(self, text: str, done: int, total: int | None, note: str = "") -> None:
        """Show `text` before the bar, `done/total` and `note` after it."""


@contextmanager
def bar(text: str) -> Iterator[Draw | None]:
    """Yield a callback that draws a bar on stderr, or None if that is not a terminal."""
    if terminal.is_plain(err=True):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(visible(text, is_line=True), total=None, note="")

        def draw(text: str, done: int, total: int | None, note: str = "") -> None:
            drawn.update(
                task,
                completed=done,
                total=total,
                description=visible(text, is_line=True),
                note=visible(note, is_line=True),
            )

        yield draw


@contextmanager
def transfer() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a callback that shows on stderr how much of a file has arrived: as a bar, or a line per tenth in a pipe."""
    if terminal.is_plain(err=True):
        yield _tenths()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        tasks: dict[str, TaskID] = {}

        def draw(text: str, done: int, total: int) -> None:
            if text not in tasks:
                tasks[text] = drawn.add_task(visible(text, is_line=True), total=total, completed=done)
            drawn.update(tasks[text], completed=done)

        yield draw


def _tenths() -> Callable[[str, int, int], None]:
    printed: set[tuple[str, int]] = set()

    def show(text: str, done: int, total: int) -> None:
        tenth = (text, done * 10 // total)
        if tenth not in printed:
            printed.add(tenth)
            terminal.print_aside(f"{text}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB")

    return show


@contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """Yield a callback that shows a job's latest line on stderr; it does nothing in a pipe."""
    if terminal.is_plain(err=True):
        yield lambda text: None
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    with console.status("") as shown:
        yield lambda text: shown.update(Text(visible(text, is_line=True)[: console.width - 4]))
