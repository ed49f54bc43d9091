"""Answer the housekeeping prompts of chat front ends: titles, tags, follow-up questions, tools to call.

They are not questions about code, so they are answered here, without search or LLM. Open WebUI's prompts begin with
"### Task:" and show the expected JSON; Continue and LibreChat ask for a title in a sentence.
"""

import json
from collections.abc import Sequence

from ml.patterns import linear
from rag_service.http.routes.conversation import Message

# The keys are all that Open WebUI's tasks ask for; its prompt around documents, which are a question, begins alike.
TASK = linear(r"(?s)\A\s*### Task:.*?\{\s*\"(title|tags|text|prompt|follow_ups|queries)\"\s*:")
ANSWERING = "Respond to the user query"
TOOLS = linear(r"(?s)\AAvailable Tools: .*\{\s*\"tool_calls\"\s*:")
EMOJI = "Your task is to reflect the speaker's likely facial expression through a fitting emoji"
HISTORY = linear(r"(?is)<chat_history>\s*(?:USER:\s*)?(.*?)\s*(?:\nASSISTANT:|</chat_history>)")
TITLE = linear(
    r"(?is)\A.{0,300}?\b(?:reply with|provide|generate|create|write)\b[^\n]{0,80}\btitle for (?:this|the) (?:chat|conv\w+)"
)
LONGEST = 200_000  # characters that are checked: front ends send the last few messages
LONGEST_TITLE = 48


def reply(messages: Sequence[Message]) -> str | None:
    """Return the reply to a housekeeping prompt, or None for a question."""
    if any(message.role == "system" and TOOLS.search(message.text[:LONGEST]) for message in messages):
        return json.dumps({"tool_calls": []})
    return _reply(messages[-1].text[:LONGEST])


def _reply(prompt: str) -> str | None:
    if prompt.startswith(EMOJI):
        return "🔎"
    if ANSWERING not in prompt[:200] and (task := TASK.search(prompt)):
        return _json(task[1], prompt)
    if asked := TITLE.search(prompt):
        return title(prompt[asked.end() :].partition("\n")[2])
    return None


def title(text: str) -> str:
    """Return the first line of a text as a title."""
    line = next((line.strip(" #*`") for line in text.splitlines() if line.strip(" #*`")), "Code")
    return line if len(line) <= LONGEST_TITLE else line[:LONGEST_TITLE].rsplit(" ", 1)[0] + "…"


def _json(key: str, prompt: str) -> str:
    history = HISTORY.search(prompt)
    values: dict[str, object] = {
        "title": title(history[1] if history else ""),
        "tags": ["Code"],
        "text": "",
        "prompt": "",
    }
    return json.dumps({key: values.get(key, [])}, ensure_ascii=False)
