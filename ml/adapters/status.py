"""The status of the configured LLM, for `codeintel doctor`."""

from typing import TYPE_CHECKING

from ml.adapters.backends import open_backend
from ml.adapters.in_force import LlmInForce

if TYPE_CHECKING:
    from ml.settings import Settings


def describe_llm(settings: "Settings") -> str:
    """Describe the configured LLM and its role, after checking that it is reachable. Raise ModelError if it is not."""
    llm = LlmInForce(settings).get()
    if llm is None:
        return "none: answers are composed from the code alone"
    open_backend(settings).check_reachable(llm)
    part = "writes the answers" if llm.trusted else "adds sentences that the cited lines support"
    notice = f"; {llm.notice}" if llm.notice else ""
    return f"{llm.name} at {llm.place}: {part}{notice}"
