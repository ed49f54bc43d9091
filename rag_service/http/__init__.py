"""The HTTP service: the project's own API, OpenAI's, and the web page."""
