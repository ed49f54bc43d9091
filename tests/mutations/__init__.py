"""Faults that the platform once had: each fix is taken back in a copy of the working tree, and a test has to fail."""
