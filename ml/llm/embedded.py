"""The embedded LLM as a LangChain chat model."""

from collections.abc import Callable, Iterator
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from ml.llm.model import Speed
from ml.llm.runtime import runtime


class EmbeddedChatModel(BaseChatModel):
    """A GGUF model run by llama.cpp in this process, with an adapter or without (""); instances share the loaded model.

    `timeout` is the seconds that the next part may take. `measured` is told the speed of each reply.
    Errors are ModelError.
    """

    path: str
    context: int
    adapter: str = ""
    timeout: float
    measured: Callable[[Speed], None] | None = None

    @property
    def _llm_type(self) -> str:
        return "llama.cpp"

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        request = {"messages": convert_to_openai_messages(messages), "temperature": 0, "stop": stop or [], **kwargs}
        for text in runtime(self.path, self.context, self.adapter).stream(request, self.timeout, self.measured):
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=text))
            if run_manager:
                run_manager.on_llm_new_token(text, chunk=chunk)
            yield chunk

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))
