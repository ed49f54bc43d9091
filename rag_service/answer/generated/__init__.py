"""Answers written by an LLM: the prompt, and the checks of its output."""
