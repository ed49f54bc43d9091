"""Work for a worker process that never ends over one of its items."""


def spin(item: int) -> int:
    """Return the item, but spin forever on the number 3."""
    while item == 3:
        pass
    return item
