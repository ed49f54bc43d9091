"""Keeps LangChain from sending what it sees to LangSmith."""

import os

OLD_SWITCHES = ("LANGCHAIN_TRACING", "LANGCHAIN_HANDLER")  # with these alone LangChain refuses to run


def switch_off_tracing() -> None:
    """Switch LangSmith's tracing off in this process, whatever the environment says."""
    import langsmith

    for name in OLD_SWITCHES:
        os.environ.pop(name, None)
    langsmith.configure(enabled=False)
