"""What a person can mend: one line that says what is wrong, and what to do."""


class PlatformError(Exception):
    """Something outside the program, such as a setting or a cluster, that keeps it from going up."""

    def __init__(self, cause: str, cure: str) -> None:
        super().__init__(f"{cause}: {cure}")
