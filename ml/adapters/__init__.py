"""The adapter in force: its pointer, its deployment, and how each LLM backend serves it."""
