"""A judge that compares words, behind a real OpenAI-compatible endpoint: it reads DeepEval's prompts as a model would.

It is not a good judge of code, but right on texts as plain as those of the tests: a stand-in for a large model.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ml.index.sparse import STOP_WORDS
from ml.index.tokens import words
from tests.support.http_double import Handler, serve

Reply = Callable[[str, dict[str, Any]], str]

SECTIONS = re.compile(
    r"^(Text|AI Output|Retrieval Contexts?(?: +\(\d+ documents?\))?|Claims|Statements|Input|Expected [Oo]utput):\n",
    re.M,
)
NEGATIONS = frozenset("never not no nothing не ни без instead".split())
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[`\"«A-ZА-ЯЁ])")


def by_words(prompt: str, schema: dict[str, Any]) -> str:
    """Judge by the words that a statement shares with its reference."""
    (key,) = schema["properties"]
    found = sections(prompt)
    if key in ("truths", "claims", "statements"):
        return json.dumps({key: sentences(found.get("AI Output") or found["Text"])[:10]}, ensure_ascii=False)
    return json.dumps({"verdicts": [{"verdict": verdict, "reason": "words"} for verdict in verdicts(found)]})


def verdicts(found: dict[str, str]) -> list[str]:
    if "Claims" in found:
        return [yes(agrees(claim, found["Retrieval Contexts"])) for claim in ast.literal_eval(found["Claims"])]
    if "Statements" in found:
        return [yes(share(one, found["Input"]) > 0) for one in ast.literal_eval(found["Statements"])]
    contexts: Sequence[str] = ast.literal_eval(found["Retrieval Context"])
    wanted = found.get("Expected output") or found["Expected Output"]
    if "Input" in found:
        return [yes(share(wanted, context) >= 0.5) for context in contexts]
    return [yes(share(one, " ".join(contexts)) >= 0.5) for one in sentences(wanted)]


def yes(holds: bool) -> str:
    return "yes" if holds else "no"


def agrees(claim: str, text: str) -> bool:
    """Return whether one of the truths has most of a claim's words and negates exactly where the claim does."""
    return any(share(claim, truth) >= 0.6 and denies(truth) == denies(claim) for truth in [*text.split("\n\n"), text])


def denies(text: str) -> bool:
    return bool(NEGATIONS & set(words(text)))


def share(statement: str, text: str) -> float:
    ours, theirs = (
        {word[:5] for word in words(one) if word not in STOP_WORDS | NEGATIONS} for one in (statement, text)
    )
    return len(ours & theirs) / len(ours) if ours else 0.0


def sections(prompt: str) -> dict[str, str]:
    """Return the last of each of a prompt's sections; earlier ones are DeepEval's examples."""
    *_, body = prompt.removesuffix("JSON:").rstrip().rpartition("**\n")
    parts = SECTIONS.split(body if SECTIONS.search(body) else prompt)
    return {name.split("(")[0].strip(): text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def sentences(text: str) -> list[str]:
    return [sentence.strip() for line in text.split("\n") for sentence in SENTENCE.split(line) if sentence.strip()]


@contextmanager
def judge_server(reply: Reply) -> Iterator[str]:
    """Run an endpoint that answers chat completions with a function of prompt and schema; yield its address."""

    class Endpoint(Handler):
        def do_POST(self) -> None:
            request = self.read_json()
            schema = request["response_format"]["json_schema"]["schema"]
            content = reply(request["messages"][0]["content"], schema)
            message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
            body = {
                "id": "1",
                "object": "chat.completion",
                "created": 0,
                "model": request["model"],
                "choices": [message],
            }
            self.reply_json(body)

    with serve(Endpoint) as address:
        yield f"{address}/v1"
