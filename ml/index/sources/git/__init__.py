"""Git repositories as sources: local ones, remote ones, and whose data git may read."""
