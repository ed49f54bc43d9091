"""What an answer reads off the code: the evidence, its lines, excerpts, callers and steps."""
