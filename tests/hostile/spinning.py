"""Work for a worker process that never ends over one of its items."""


def spin(item: int) -> int:
    """Return the item, or take for ever over the number 3."""
    while item == 3:
        pass
    return item
