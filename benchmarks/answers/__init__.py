"""Quality of answers: `python -m benchmarks.answers`."""
