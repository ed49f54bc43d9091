"""One part of the platform a file; `program.py` puts them together."""
