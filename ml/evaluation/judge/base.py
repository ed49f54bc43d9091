"""What a judge is."""

from collections.abc import Mapping
from typing import Any, Protocol

JsonSchema = Mapping[str, Any]


class Judge(Protocol):
    """An LLM that answers in JSON of a given schema. Errors are JudgeError."""

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    def complete(self, prompt: str, schema: JsonSchema) -> str:
        """Return the reply to a prompt: JSON text that the schema was asked of.

        Raise JudgeError where the judge is away, refuses or takes too long.
        """
        ...
