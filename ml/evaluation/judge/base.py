"""The interface of a judge."""

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
        """Return the reply to a prompt: JSON text, requested with the schema.

        Raise JudgeError if the judge is down, rejects the request or takes too long.
        """
        ...
