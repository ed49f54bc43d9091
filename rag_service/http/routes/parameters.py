"""What becomes of each parameter of OpenAI's API: it is done, it has no effect here, or it is refused by name.

A parameter that these tables do not name is refused too, so that nothing is dropped without a word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml.errors import ParameterError

TABLE = "leave it out (docs/api.md lists what each parameter does)"
NO_CALLS = 'leave it out or send "auto"'


@dataclass(frozen=True, slots=True)
class Harmless:
    """A parameter whose every value leads to the answer that is given anyway."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A parameter that can't be done: `why`, its `cure`, and the values that ask for nothing."""

    why: str
    cure: str = TABLE
    unless: tuple[object, ...] = ()


Parameter = Harmless | Refused

ONE_ANSWER = "ask once, the answer is always the same"
NOT_KEPT = "replies are not kept"
WHOLE = "send the whole conversation each time"
# Answers are written at temperature 0, so no sampling parameter that only narrows or widens the choice matters.
SHARED: dict[str, Parameter] = {
    "temperature": Harmless(),
    "top_p": Harmless(),
    "top_k": Harmless(),
    "min_p": Harmless(),
    "seed": Harmless(),
    "user": Harmless(),
    "safety_identifier": Harmless(),
    "metadata": Harmless(),
    "parallel_tool_calls": Harmless(),
    "prompt_cache_key": Harmless(),
    "prompt_cache_options": Harmless(),
    "prompt_cache_retention": Harmless(),
    "moderation": Refused("nothing is moderated here"),
    "service_tier": Refused("there is one tier", unless=("auto", "default")),
    "store": Refused(NOT_KEPT, "leave it out or send false", (False,)),
    "top_logprobs": Refused("probabilities of tokens are not known", unless=(0,)),
}
CHAT: dict[str, Parameter] = SHARED | {
    "prediction": Harmless(),
    "reasoning_effort": Harmless(),
    "audio": Refused("answers are text"),
    "frequency_penalty": Refused("the choice of words can't be changed", unless=(0,)),
    "presence_penalty": Refused("the choice of words can't be changed", unless=(0,)),
    "logit_bias": Refused("the choice of words can't be changed", unless=({},)),
    "logprobs": Refused("probabilities of tokens are not known", unless=(False,)),
    "modalities": Refused("answers are text", unless=(["text"],)),
    "n": Refused("there is one answer", ONE_ANSWER, (1,)),
    "verbosity": Refused("answers have one length", "limit it by max_tokens", ("medium",)),
    "web_search_options": Refused("only the indexed code is searched, never the web"),
}
RESPONSES: dict[str, Parameter] = SHARED | {
    "include": Refused("a response includes what it has", unless=([], ["reasoning.encrypted_content"])),
    "max_tool_calls": Harmless(),
    "reasoning": Harmless(),
    "truncation": Harmless(),
    "access_programs": Refused("there are no access programmes"),
    "background": Refused(NOT_KEPT, "stream it instead", (False,)),
    "background_options": Refused(NOT_KEPT, "stream it instead"),
    "context_management": Refused("a conversation is never compacted", unless=([],)),
    "conversation": Refused(NOT_KEPT, WHOLE),
    "image": Refused("images can't be read"),
    "previous_response_id": Refused(NOT_KEPT, WHOLE),
    "prompt": Refused("there are no stored prompts", "send the question as `input`"),
}
EMBEDDINGS: dict[str, Parameter] = {"user": Harmless()}


def check(given: Mapping[str, Any], known: Mapping[str, Parameter]) -> list[str]:
    """Return the names of the given parameters that have no effect. Raise ParameterError for one that can't be done."""
    named = {name: value for name, value in given.items() if value is not None}
    for name, value in named.items():
        match known.get(name):
            case None:
                raise ParameterError(name, f"there is no parameter {name[:100]!r}", TABLE)
            case Refused(why, cure, unless) if not _is_one_of(value, unless):
                raise ParameterError(name, f"{name} can't be done, because {why}", cure)
    return [name for name in named if isinstance(known[name], Harmless)]


def _is_one_of(value: object, some: Sequence[object]) -> bool:
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in some)


def check_tools(choice: object, name: str = "tool_choice") -> None:
    """Raise ParameterError if a tool has to be called: one that may be called is offered in vain."""
    if choice not in (None, "auto", "none"):
        raise ParameterError(name, f"{name} asks for a call, and this model calls no tools", NO_CALLS)
