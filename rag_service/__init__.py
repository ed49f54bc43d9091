"""The online half: a question in, an answer with checked citations out."""
