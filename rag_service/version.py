"""The version of the installed package."""

from importlib import metadata


def version() -> str:
    """Return the version shown by `--version`, the HTTP service and MCP."""
    return metadata.version("codeintel")
