"""Lets an LLM write: a LangChain chain, streamed."""

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING

from rag_service.llm.tracing import switch_off_tracing

if TYPE_CHECKING:
    from langchain_core.prompts import ChatPromptTemplate

    from rag_service.llm.provider import Llm

CHARS_A_TOKEN = 8  # no LLM's tokens are longer on average; beyond that an endpoint ignores the limit


def written(
    llm: "Llm", prompt: "ChatPromptTemplate", values: Mapping[str, str], tokens: int, timeout: float | None = None
) -> Generator[str]:
    """Gives what the LLM writes, at most `tokens` long, in parts as they come.

    Raises ModelError, also where the next part takes longer than `timeout` seconds, by default what the settings say.
    """
    switch_off_tracing()
    # The model comes last: what stands before a further step is run to its end when the stream is closed.
    chain = prompt | llm.open(timeout).bind(max_tokens=tokens)
    left = tokens * CHARS_A_TOKEN
    for part in chain.stream(dict(values)):
        text = str(part.text)
        yield text
        left -= len(text)
        if left < 0:
            return
