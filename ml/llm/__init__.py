"""The language models an answer can be written by: one in process, or any OpenAI-compatible endpoint."""
