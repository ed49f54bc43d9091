"""Housekeeping that chat front ends ask of a model beside the conversation: titles, tags, follow-up questions.

None of it is a question about code, so it is answered here, without search and LLM. Open WebUI's prompts begin with
"### Task:" and show the JSON they want; Continue and LibreChat ask for a title in a sentence.
"""

import json
import re

TASK = re.compile(r"\s*### Task:.*?\{\s*\"(?P<key>\w+)\"\s*:", re.DOTALL)
HISTORY = re.compile(
    r"<chat_history>\s*(?:USER:\s*)?(?P<first>.*?)\s*(?:\nASSISTANT:|</chat_history>)", re.DOTALL | re.I
)
TITLE = re.compile(
    r".{0,300}?\b(?:reply with|provide|generate|create|write)\b[^\n]{0,80}\btitle for (?:this|the) (?:chat|conv\w+)",
    re.DOTALL | re.I,
)
LONGEST_TITLE = 48


def reply(prompt: str) -> str | None:
    """Gives the reply to such a prompt, or None for one that is a question."""
    if task := TASK.match(prompt):
        return _json(task["key"], prompt)
    if asked := TITLE.match(prompt):
        return title(prompt[asked.end() :].partition("\n")[2])
    return None


def title(text: str) -> str:
    """Gives the first line of a text as a title."""
    line = next((line.strip(" #*`") for line in text.splitlines() if line.strip(" #*`")), "Code")
    return line if len(line) <= LONGEST_TITLE else line[:LONGEST_TITLE].rsplit(" ", 1)[0] + "…"


def _json(key: str, prompt: str) -> str:
    history = HISTORY.search(prompt)
    values: dict[str, object] = {
        "title": title(history["first"] if history else ""),
        "tags": ["Code"],
        "text": "",
        "prompt": "",
    }
    return json.dumps({key: values.get(key, [])}, ensure_ascii=False)
