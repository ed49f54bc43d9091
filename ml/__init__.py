"""The offline half: repositories in, an index and models out."""
