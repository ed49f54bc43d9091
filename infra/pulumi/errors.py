"""Errors that the user can fix: one line with the cause and the cure."""


class PlatformError(Exception):
    """Something outside the program, such as a setting or the cluster, prevents the deployment."""

    def __init__(self, cause: str, cure: str) -> None:
        super().__init__(f"{cause}: {cure}")


class NoClusterError(PlatformError):
    """No cluster answers. A preview can do without one."""
