"""The control plane of plain processes, a thin client of its API, and nodes that are only simulated."""
