"""The evidence of an answer, gathered in fixed steps: search, whole symbols, names that must exist, what belongs to it."""
