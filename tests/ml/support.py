"""Data and settings that the tests of the learning loop share."""

import random

from ml.training.examples import Example
from ml.training.recipe import Recipe

VERBS = ("load", "parse", "send", "open", "close", "merge", "split", "encode", "rank", "fetch", "write", "drop")
TINY = Recipe(batch=4, max_steps=6, checkpoint_steps=2, learning_rate=1e-3, warmup_steps=1, max_tokens=160, threads=2)


def facts(count: int, seed: int) -> list[Example]:
    """Gives examples whose answers have one fixed form, so that a few steps are enough to learn it."""
    dice = random.Random(seed)
    examples = []
    for _ in range(count):
        name, line = f"{dice.choice(VERBS)}_{dice.choice(VERBS)}", dice.randint(1, 300)
        examples.append(
            Example(
                question=f"Where is {name}?",
                context=f"[1] src/{name}.py:{line}\n{line}| def {name}():",
                answer=f"Defined at src/{name}.py:{line} [1].",
            )
        )
    return examples
