"""One component a file; `program.py` puts them together."""
