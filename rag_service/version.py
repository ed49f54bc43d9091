"""The version of the installed package."""

from importlib import metadata


def version() -> str:
    """Return the version that `--version`, the HTTP service and MCP name."""
    return metadata.version("codeintel")
