"""The recipe of a training run: every number that is logged with it and needed to repeat it."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from ml.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Recipe:
    """The hyperparameters of a LoRA run. The defaults are for SmolLM2-135M on two CPU cores.

    `rank` and `alpha` are LoRA's r and α (Hu et al. 2021, https://arxiv.org/abs/2106.09685), on all seven projections
    of each layer; `max_tokens` is the limit for an example with its answer: longer ones are left out and counted;
    `checkpoint_steps` is the work that a kill can cost; `max_steps` cuts a run short (-1: all epochs).
    """

    rank: int = 8
    alpha: int = 16
    epochs: float = 1.0
    batch: int = 8
    accumulate: int = 1
    learning_rate: float = 2e-4
    warmup_steps: int = 5
    max_tokens: int = 512
    max_steps: int = -1
    checkpoint_steps: int = 10
    seed: int = 7
    threads: int = 0  # 0: torch decides

    def __post_init__(self) -> None:
        for name in (
            "rank",
            "alpha",
            "epochs",
            "batch",
            "accumulate",
            "learning_rate",
            "max_tokens",
            "checkpoint_steps",
        ):
            if getattr(self, name) <= 0:
                raise TrainingError(f"{name} is {getattr(self, name)}", f"set {name} to a number above zero")

    def as_dict(self) -> dict[str, int | float]:
        """Return the numbers by name, as logged."""
        return asdict(self)

    @classmethod
    def from_logged(cls, values: dict[str, Any]) -> Self:
        """Return a recipe from logged text, ignoring names that are not a recipe's."""
        defaults = cls().as_dict()
        typed: dict[str, Any] = {name: type(defaults[name])(values[name]) for name in values if name in defaults}
        return cls(**typed)
