"""Git repositories as sources: local and remote ones, and the check of what git may read."""
