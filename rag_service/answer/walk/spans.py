"""Show code within a sentence: verbatim, and shortened visibly where it is long."""

import re

from rag_service.answer.composed.prose import inline_code

LONGEST = 88
GAP = "…"
PAIRS = {"(": ")", "[": "]", "{": "}"}
BROKEN_LINE = re.compile(r"(?<=[(\[{]) | (?=[)\]}])")  # where an expression is spread over lines
CUTS = frozenset(" ,.([{")


def span(code: str, longest: int = LONGEST) -> str:
    """Return code as a span of at most about `longest` characters; what is left out becomes one ellipsis."""
    return inline_code(cut(code, longest))


def cut(code: str, longest: int = LONGEST) -> str:
    """Return the beginning of code and the brackets that close it, with an ellipsis for what is left out between."""
    code = BROKEN_LINE.sub("", code)
    if len(code) <= longest:
        return code
    open_brackets: list[str] = []
    quote, at, kept = "", 0, ""
    for number, letter in enumerate(code[: longest - 2]):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in PAIRS:
            open_brackets.append(PAIRS[letter])
        elif open_brackets and letter == open_brackets[-1]:
            open_brackets.pop()
        if not quote and letter in CUTS and letter not in ".":
            at, kept = number + 1, "".join(reversed(open_brackets))
    if at < longest // 3:
        at, kept = longest - 2, ""
    end = kept if kept and code.endswith(kept) else ""
    return f"{code[:at].rstrip()}{'' if code[at - 1] in PAIRS else ' '}{GAP}{end}"
