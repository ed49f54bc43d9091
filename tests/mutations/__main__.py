"""python -m tests.mutations [NAME…]: take back each fix of faults.toml, and see its test fail.

Before that the same tests have to pass. Exit code 1 where one of them fails, and where a fault survives.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from tests.mutations.run import Copy, Outcome, Result
from tests.mutations.table import Fault, faults

LAST = 3000  # characters of pytest's output


@click.command()
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...]) -> None:
    """Take back the fixes of the named faults, or of all."""
    with tempfile.TemporaryDirectory(prefix="mutations-") as name:
        copy = Copy(Path(name))
        chosen = _chosen(names)
        code, said = copy.test(dict.fromkeys(each.test for each in chosen))
        if code:
            raise click.ClickException(f"with all fixes in place a test fails:\n{said[-LAST:]}")
        results = [_judged(copy, each) for each in chosen]
    left = [each for each in results if each.outcome is not Outcome.KILLED]
    click.echo(f"{len(results) - len(left)} of {len(results)} faults killed")
    sys.exit(1 if left else 0)


def _chosen(names: Sequence[str]) -> list[Fault]:
    known = {each.name: each for each in faults()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.UsageError(f"there is no fault {unknown[0]}: there are {', '.join(known)}")
    return [known[name] for name in names or known]


def _judged(copy: Copy, fault: Fault) -> Result:
    """Judge a fault and print its row; of one that was not killed also what pytest said."""
    result = copy.judge(fault)
    click.echo(f"{result.outcome:<9}{result.seconds:5.0f} s  {fault.name:<36}{fault.family}")
    if result.outcome is not Outcome.KILLED:
        click.echo(result.said[-LAST:])
    return result


if __name__ == "__main__":
    main()
