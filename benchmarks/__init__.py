"""Figures, each with the command that makes it. README.md holds the last ones and the hardware they were made on."""
