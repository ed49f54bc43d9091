"""Figures, each with the command that makes it. README.md has the latest ones and their hardware."""
