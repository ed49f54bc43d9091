"""Stream an LLM's output through a LangChain chain."""

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING

from ml.control_tokens import break_control_tokens
from ml.llm.tracing import switch_off_tracing
from rag_service.answer.run import TokenUsage

if TYPE_CHECKING:
    from langchain_core.prompts import ChatPromptTemplate

    from ml.llm.model import Llm

MOST_CHARS_A_TOKEN = 8  # no LLM's tokens are longer on average; more text means that an endpoint ignores the limit
CHARS_A_TOKEN = 4


def stream_completion(
    llm: "Llm",
    prompt: "ChatPromptTemplate",
    values: Mapping[str, str],
    tokens: int,
    spent: TokenUsage,
    timeout: float | None = None,
) -> Generator[str]:
    """Yield the LLM's output in parts, at most `tokens` long; its token usage is added to `spent`.

    Raise ModelError, also if the next part takes longer than `timeout` seconds (default: from the settings).
    """
    switch_off_tracing()
    messages = [
        message.model_copy(update={"content": break_control_tokens(str(message.text))})
        for message in prompt.format_messages(**values)
    ]
    spent.prompt = sum(len(str(message.text)) for message in messages) // CHARS_A_TOKEN
    chars, most = 0, tokens * MOST_CHARS_A_TOKEN
    for part in llm.open(timeout).bind(max_tokens=tokens).stream(messages):
        text = str(part.text)[: most - chars]
        chars += len(text)
        spent.completion = -(-chars // CHARS_A_TOKEN)
        if part.usage_metadata:
            spent.prompt, spent.completion = part.usage_metadata["input_tokens"], part.usage_metadata["output_tokens"]
        yield text
        if chars == most:
            return
