"""The status of the configured LLM, for `codeintel doctor`."""

from typing import TYPE_CHECKING

from ml.adapters.backends import open_backend
from ml.adapters.in_force import LlmInForce
from ml.llm.model import Llm

if TYPE_CHECKING:
    from ml.settings import Settings


def describe_llm(settings: "Settings") -> str:
    """Describe the configured LLM and its role, after checking that it is reachable. Raise ModelError if it is not."""
    llm = LlmInForce(settings).get()
    if llm is None:
        return "none: answers are composed from the code alone"
    open_backend(settings).check_reachable(llm)
    part = _part(llm)
    notice = f"; {llm.notice}" if llm.notice else ""
    return f"{llm.name} at {llm.place}: {part}{notice}"


def _part(llm: Llm) -> str:
    if not llm.trusted:
        return "adds sentences that the cited lines support"
    return "writes the answers" if llm.cites else "explains the answers"
