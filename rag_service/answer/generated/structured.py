"""Let an LLM turn an answer into JSON of a caller's schema: the schema becomes a grammar, which holds the LLM to it."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ml.control_tokens import break_control_tokens
from ml.errors import ModelError, ParameterError
from ml.llm.tracing import switch_off_tracing
from rag_service.answer.events import Answer
from rag_service.answer.generated.prompt import LANGUAGES
from rag_service.answer.question import Language

if TYPE_CHECKING:
    from ml.llm.model import Llm

TOKENS = 600
QUOTE_CHARS = 600
ANSWER_CHARS = 4_000
SYSTEM = """You turn an answer about source code into JSON of the given form. Use only what the answer and its cited lines say.
Write texts in {language}. Where the answer says nothing about a field, give its empty value."""
# What a grammar can be made of. Patterns and long repetitions make some grammars of a size that stalls the process.
KEYWORDS = frozenset(
    "$defs $ref additionalProperties anyOf const default description enum examples items maxItems maximum minItems minimum "
    "properties required title type".split()
)
LITERAL = frozenset(("const", "default", "enum", "examples", "required"))
TEXT_CHARS, MOST_LISTED = 300, 20
LONGEST_SCHEMA, MOST_ITEMS, DEEPEST = 16_000, 100, 12


def check_schema(schema: object, param: str) -> dict[str, Any]:
    """Return a JSON schema of an object. Raise ParameterError for one that no grammar of a fair size can express."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise ParameterError(param, "the JSON schema is not that of an object", 'give a schema with "type": "object"')
    if len(json.dumps(schema)) > LONGEST_SCHEMA:
        raise ParameterError(param, f"the JSON schema has over {LONGEST_SCHEMA:,} characters", "ask for fewer fields")
    _check_node(schema, param, DEEPEST)
    return schema


def _check_node(node: Any, param: str, levels: int) -> None:
    if not isinstance(node, dict):
        return
    if not levels:
        raise ParameterError(param, f"the JSON schema is over {DEEPEST} levels deep", "ask for a flatter object")
    if unknown := sorted(node.keys() - KEYWORDS):
        raise ParameterError(param, f"the JSON schema uses {unknown[0]!r}", f"use only: {', '.join(sorted(KEYWORDS))}")
    if any(isinstance(node.get(key), int) and node[key] > MOST_ITEMS for key in ("minItems", "maxItems")):
        raise ParameterError(param, f"the JSON schema allows over {MOST_ITEMS} items", "lower minItems and maxItems")
    below = [*_values(node, "properties"), *_values(node, "$defs"), *_list(node, "anyOf"), node.get("items")]
    for child in (*below, node.get("additionalProperties")):
        _check_node(child, param, levels - 1)


def _values(node: Mapping[str, Any], key: str) -> list[Any]:
    found = node.get(key)
    return list(found.values()) if isinstance(found, dict) else []


def _list(node: Mapping[str, Any], key: str) -> list[Any]:
    found = node.get(key)
    return found if isinstance(found, list) else []


def _bounded(node: Any) -> Any:
    """Return a schema whose texts and lists end: a small model under a grammar may otherwise go on until it is stopped."""
    if isinstance(node, list):
        return list(map(_bounded, node))
    if not isinstance(node, dict):
        return node
    own = {key: value if key in LITERAL else _bounded(value) for key, value in node.items()}
    match node.get("type"):
        case "string" if "enum" not in node and "const" not in node:
            return own | {"maxLength": TEXT_CHARS}
        case "array":
            return {"maxItems": MOST_LISTED} | own
        case _:
            return own


def fill_schema(llm: "Llm", answer: Answer, schema: Mapping[str, Any], language: Language) -> str:
    """Return an answer as JSON of a schema, written by an LLM. Raise ModelError, also if it writes anything else."""
    from langchain_core.messages import HumanMessage, SystemMessage

    switch_off_tracing()
    form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": _bounded(schema)}}
    messages = [SystemMessage(SYSTEM.format(language=LANGUAGES[language])), HumanMessage(_told(answer))]
    chat = llm.open(None).bind(max_tokens=TOKENS, response_format=form)
    text = "".join(str(part.text) for part in chat.stream(messages))
    try:
        filled = json.loads(text)
    except ValueError as error:
        raise ModelError(f"{llm.name} broke off its JSON", "ask for fewer fields") from error
    if not isinstance(filled, dict) or not filled.keys() >= set(schema.get("required", ())):
        raise ModelError(f"{llm.name} ignores the JSON schema", "use an LLM server that takes response_format")
    return text.strip()


def _told(answer: Answer) -> str:
    cited = "\n\n".join(
        f"[{one.n}] {one.file_path}:{one.line_start}-{one.line_end} ({one.repo})\n{one.quote[:QUOTE_CHARS]}"
        for one in answer.citations
    )
    told = f"Question: {answer.question}\n\nAnswer:\n{answer.answer[:ANSWER_CHARS]}\n\nCited lines:\n{cited}"
    return break_control_tokens(told)
