"""The answer that needs no LLM, composed of the evidence itself."""
