"""Answers composed from the evidence alone, without an LLM."""
