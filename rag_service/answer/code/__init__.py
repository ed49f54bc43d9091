"""What an answer extracts from the code: evidence, lines, excerpts, callers and steps."""
