"""Whether the LLM that the settings name is there: `codeintel doctor` asks."""

from typing import TYPE_CHECKING

from ml.adapters.in_force import LlmInForce
from ml.errors import ModelError
from ml.llm.provider import Llm

if TYPE_CHECKING:
    from ml.settings import Settings


def describe_llm(settings: "Settings") -> str:
    """Says which LLM writes and what it may write; one at an endpoint is asked for its models. Raises ModelError."""
    llm = LlmInForce(settings).get()
    if llm is None:
        return "none: answers are made from the code alone"
    if settings.llm == "openai":
        _check_endpoint(llm, settings)
    part = "writes the answers" if llm.trusted else "adds sentences that the cited lines support"
    notice = f"; {llm.notice}" if llm.notice else ""
    return f"{llm.name} at {llm.place}: {part}{notice}"


def _check_endpoint(llm: Llm, settings: "Settings") -> None:
    from openai import OpenAI

    from ml.llm.endpoint import CONNECT_SECONDS, NO_KEY
    from ml.llm.errors import translated

    key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else NO_KEY
    with translated(), OpenAI(base_url=llm.place, api_key=key, timeout=CONNECT_SECONDS, max_retries=0) as client:
        models = [model.id for model in client.models.list()]
    if llm.model not in models:
        cure = "deploy the adapter again with `codeintel promote`" if llm.adapter else "mend llm_model"
        raise ModelError(f"the endpoint at {llm.place} serves {', '.join(models) or 'no model'}, not {llm.model}", cure)
