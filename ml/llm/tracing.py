"""Keep LangChain from sending data to LangSmith."""

import os

OLD_SWITCHES = ("LANGCHAIN_TRACING", "LANGCHAIN_HANDLER")  # if only these are set, LangChain refuses to run


def switch_off_tracing() -> None:
    """Disable LangSmith tracing in this process, whatever the environment says."""
    import langsmith

    for name in OLD_SWITCHES:
        os.environ.pop(name, None)
    langsmith.configure(enabled=False)
