"""Policies."""

import typing as t

LIMIT = 5  # how often

# Kept for callers.
@traced(name="x")
async def retry(
    call: t.Callable[[], int],
    *,
    limit: int = LIMIT,
) -> int:
    """Calls until it succeeds."""

    def inner(n: int) -> int:
        return n

    return inner(limit)


@dataclass(frozen=True)
class Policy(Base, metaclass=Meta):
    """How often."""

    limit: int = 5

    @property
    def size(self) -> int:
        return 1

    @size.setter
    def size(self, value: int) -> None: ...

    class Inner:
        def run(self): return 1


if t.TYPE_CHECKING:
    def only_checked() -> None: ...
handler = lambda x: x
