"""A judge behind any OpenAI-compatible endpoint (vLLM, Ollama, llama.cpp's server, …)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from ml.control_tokens import break_control_tokens
from ml.errors import JudgeError
from ml.evaluation.judge.base import JsonSchema

if TYPE_CHECKING:
    from openai import OpenAI

REPLY_TOKENS = 1_500
CONNECT_SECONDS = 5.0
NO_KEY = "none"  # the client always sends a key; an endpoint without keys ignores it


@dataclass(frozen=True, slots=True)
class EndpointJudge:
    """A model at an address, asked for JSON by a schema; `timeout` is the seconds that a reply may take."""

    url: str
    name: str
    timeout: float
    key: str | None = field(default=None, repr=False)

    def complete(self, prompt: str, schema: JsonSchema) -> str:
        """Return the reply to a prompt."""
        with _translated(self):
            reply = _client(self).chat.completions.create(
                model=self.name,
                messages=[{"role": "user", "content": break_control_tokens(prompt)}],
                temperature=0,
                max_tokens=REPLY_TOKENS,
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "reply", "schema": dict(schema), "strict": True},
                },
            )
            return reply.choices[0].message.content or ""


@cache
def _client(judge: EndpointJudge) -> "OpenAI":
    from openai import OpenAI, Timeout

    timeout = Timeout(judge.timeout, connect=min(judge.timeout, CONNECT_SECONDS))
    return OpenAI(base_url=judge.url, api_key=judge.key or NO_KEY, timeout=timeout, max_retries=0)


@contextmanager
def _translated(judge: EndpointJudge) -> Iterator[None]:
    import openai

    try:
        yield
    except openai.APITimeoutError as error:
        cause = f"the judge at {judge.url} did not answer within {judge.timeout:g} s"
        raise JudgeError(cause, "increase judge_timeout, or check its load") from error
    except openai.APIConnectionError as error:
        raise JudgeError(
            f"the judge at {judge.url} does not answer", "check judge_url and that it is running"
        ) from error
    except openai.APIStatusError as error:
        cause = f"the judge at {judge.url} returns status {error.status_code}"
        raise JudgeError(cause, "check judge_model and judge_api_key") from error
    except (openai.OpenAIError, ValueError, TypeError, AttributeError, IndexError) as error:
        cause = f"the reply of {judge.url} is not in OpenAI's format"
        raise JudgeError(cause, "check that judge_url is an OpenAI-compatible endpoint") from error
