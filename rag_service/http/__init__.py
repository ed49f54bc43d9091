"""The HTTP service: the project's own API, the OpenAI-compatible API, and the web page."""
