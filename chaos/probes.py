"""Probes of the experiments: does the assistant answer, in time, with citations that resolve?"""

import time
from typing import Any

import requests

from chaos.log import logger

__all__ = [
    "answers_in_time",
    "answers_with_the_model",
    "answers_without_the_model",
    "citations_resolve",
    "refuses_in_one_line",
]

SLACK = 5.0  # seconds beyond `within`, to tell a late answer from none


def answers_in_time(url: str, question: str, within: float = 10.0, api_key: str = "") -> bool:
    """Return whether a question is answered from evidence within so many seconds."""
    began = time.monotonic()
    answer = _ask(url, question, within, api_key)
    took = time.monotonic() - began
    if answer is None:
        return False
    logger.info("answered in %.1f s by %s, %d citations", took, answer["model"], len(answer["citations"]))
    return bool(answer["found"]) and took <= within


def citations_resolve(url: str, question: str, within: float = 10.0, api_key: str = "") -> bool:
    """Return whether the answer cites, and every citation quotes the lines that it names."""
    answer = _ask(url, question, within, api_key)
    return bool(answer and answer["citations"]) and all(
        _holds(url, citation, within, api_key) for citation in (answer or {})["citations"]
    )


def answers_with_the_model(url: str, question: str, within: float = 10.0, api_key: str = "") -> bool:
    """Return whether the model contributed to an answer, which then has no notice about it."""
    answer = _ask(url, question, within, api_key)
    return answer is not None and bool(answer["found"]) and not answer["notices"]


def answers_without_the_model(url: str, question: str, within: float = 10.0, api_key: str = "") -> bool:
    """Return whether the assistant answers from evidence alone, with citations and a notice that the model is away."""
    answer = _ask(url, question, within, api_key)
    if answer is None:
        return False
    logger.info("it says: %s", "; ".join(answer["notices"]) or "nothing about the model")
    return bool(answer["citations"]) and bool(answer["notices"])


def refuses_in_one_line(url: str, question: str, within: float = 10.0, api_key: str = "") -> bool:
    """Return whether the assistant fails with a cause and a cure instead of hanging."""
    reply = _post(url, question, within, api_key)
    if reply is None or reply.status_code != 503:
        return False
    error = reply.json().get("error", {})
    logger.info("it says: %s: %s", error.get("cause"), error.get("cure"))
    return bool(error.get("cause")) and bool(error.get("cure"))


def _post(url: str, question: str, within: float, api_key: str) -> requests.Response | None:
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        return requests.post(f"{url}/api/ask", json={"question": question}, headers=headers, timeout=within + SLACK)
    except requests.RequestException as error:
        logger.info("no answer: %s", error)
        return None


def _ask(url: str, question: str, within: float, api_key: str) -> dict[str, Any] | None:
    reply = _post(url, question, within, api_key)
    if reply is None or not reply.ok:
        logger.info("no answer: %s", reply.text[:200] if reply is not None else "nobody there")
        return None
    answer: dict[str, Any] = reply.json()
    return answer


def _holds(url: str, citation: dict[str, Any], within: float, api_key: str) -> bool:
    """Return whether the file that a citation names holds what it quotes, at those lines."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    where = {"repo": citation["repo"], "path": citation["file_path"]}
    try:
        file = requests.get(f"{url}/api/file", params=where, headers=headers, timeout=within)
    except requests.RequestException as error:
        logger.info("%s can't be opened: %s", where["path"], error)
        return False
    if not file.ok:
        return False
    lines = ["".join(text for _, text in line).rstrip() for line in file.json()["lines"]]
    quoted = [line.rstrip() for line in citation["quote"].split("\n")]
    return lines[citation["line_start"] - 1 : citation["line_end"]] == quoted
