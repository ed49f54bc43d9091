"""The online half: answers questions with checked citations."""
