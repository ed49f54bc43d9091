"""The adapter in force: its pointer, how it comes there, and what each LLM backend makes of it."""
