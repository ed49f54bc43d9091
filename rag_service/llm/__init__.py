"""The LLMs that can write an answer: llama.cpp in process, or an OpenAI-compatible endpoint."""
