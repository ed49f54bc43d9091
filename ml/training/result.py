"""The results that a training run writes into its output folder."""

import json
from dataclasses import dataclass
from pathlib import Path

from ml.errors import TrainingError

RESULT, ADAPTER, ABOUT = "result.json", "adapter", "codeintel.json"
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"  # of an adapter, as named by PEFT


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A finished run: the adapter's PEFT folder, the loss at each step, and the resources used.

    Losses are mean cross-entropies in nats over the answers' tokens; the held-out loss is that of the base model before
    and with the adapter after. `first_step` is above 0 if the run resumed from a checkpoint; tokens and seconds are
    then those since that. `left_out` counts examples longer than the recipe's max_tokens.
    """

    adapter: Path
    losses: tuple[tuple[int, float], ...]
    held_out_loss_before: float
    held_out_loss_after: float
    train_examples: int
    held_out_examples: int
    left_out: int
    tokens: float
    seconds: float
    first_step: int
    peak_memory_mb: float
    device: str

    @property
    def tokens_per_second(self) -> float:
        """The training speed, excluding evaluation."""
        return self.tokens / self.seconds if self.seconds else 0.0


def read_result(output: Path) -> TrainingResult | None:
    """Read the result from a run's output folder, or return None if the run has not finished."""
    file = output / RESULT
    if not file.is_file():
        return None
    values = json.loads(file.read_text())
    losses = tuple((int(step), float(loss)) for step, loss in values.pop("losses"))
    return TrainingResult(adapter=output / ADAPTER, losses=losses, **values)


def write_about(adapter: Path, about: dict[str, object]) -> None:
    """Write an adapter's provenance beside it."""
    (adapter / ABOUT).write_text(json.dumps(about, indent=1))


def base_digest_of(adapter: Path) -> str:
    """Return the digest of the base model that an adapter was trained on. Raise TrainingError if it is not recorded."""
    return _said(adapter, "base_digest", "which base model it is for")


def texts_of(adapter: Path) -> tuple[str, str]:
    """Return the system and prompt texts that an adapter was trained with. Raise TrainingError if they are not recorded."""
    what = "which texts it was trained with"
    return _said(adapter, "system", what), _said(adapter, "prompt", what)


def _said(adapter: Path, name: str, what: str) -> str:
    try:
        return str(json.loads((adapter / ABOUT).read_text())[name])
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(f"{adapter} does not say {what}", "train it with `codeintel train`") from error
