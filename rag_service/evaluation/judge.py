"""Open the judge of an evaluation that is configured in the settings."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.control_tokens import break_control_tokens
from ml.errors import JudgeError, ModelError, SettingsError
from ml.evaluation.judge import Judge
from ml.evaluation.judge.base import JsonSchema
from ml.evaluation.judge.endpoint import REPLY_TOKENS, EndpointJudge
from ml.llm.models.folder import ModelFolder
from ml.llm.runtime import runtime

if TYPE_CHECKING:
    from ml.settings import Settings

CONTEXT = 8192


@dataclass(frozen=True, slots=True)
class EmbeddedJudge:
    """A GGUF model in process, constrained to a schema by llama.cpp's grammar; `timeout` is in seconds per token."""

    path: str
    name: str
    timeout: float

    def complete(self, prompt: str, schema: JsonSchema) -> str:
        """Return the reply; see Judge."""
        request = {
            "messages": [{"role": "user", "content": break_control_tokens(prompt)}],
            "temperature": 0,
            "max_tokens": REPLY_TOKENS,
            "response_format": {"type": "json_schema", "json_schema": {"name": "reply", "schema": dict(schema)}},
        }
        try:
            return "".join(runtime(self.path, CONTEXT).stream(request, self.timeout))
        except ModelError as error:
            raise JudgeError(f"the judge {self.name}: {error.cause}", "choose another judge_model") from error


def open_judge(settings: "Settings") -> Judge | None:
    """Return the configured judge, or None for judge="none". Raise ModelError if its file can't be read."""
    match settings.judge:
        case "none":
            return None
        case "embedded":
            from ml.llm.gguf import read_model

            file = read_model(ModelFolder(settings).weights(settings.judge_model))
            return EmbeddedJudge(file.path, file.name, settings.judge_timeout)
        case "openai":
            if not (settings.judge_url and settings.judge_model):
                raise SettingsError("the remote judge has no URL or no model", "set judge_url and judge_model")
            key = settings.judge_api_key.get_secret_value() if settings.judge_api_key else None
            return EndpointJudge(settings.judge_url, settings.judge_model, settings.judge_timeout, key)
