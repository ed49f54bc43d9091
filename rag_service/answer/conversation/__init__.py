"""Follow-ups: turn the latest message of a conversation into a question that stands by itself, without an LLM."""
