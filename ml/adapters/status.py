"""Whether the LLM that the settings name is there: `codeintel doctor` asks."""

from typing import TYPE_CHECKING

from ml.adapters.backends import open_backend
from ml.adapters.in_force import LlmInForce

if TYPE_CHECKING:
    from ml.settings import Settings


def describe_llm(settings: "Settings") -> str:
    """Return which LLM writes and what it may write; an endpoint is asked for its models. Raise ModelError."""
    llm = LlmInForce(settings).get()
    if llm is None:
        return "none: answers are made from the code alone"
    open_backend(settings).check_reachable(llm)
    part = "writes the answers" if llm.trusted else "adds sentences that the cited lines support"
    notice = f"; {llm.notice}" if llm.notice else ""
    return f"{llm.name} at {llm.place}: {part}{notice}"
