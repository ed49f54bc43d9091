"""The answer that an LLM writes: the prompt, and the checks of what comes back."""
