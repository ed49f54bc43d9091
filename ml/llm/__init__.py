"""Chat models: llama.cpp in process, and any OpenAI-compatible endpoint. Which one answers: `ml.adapters.backends`."""
