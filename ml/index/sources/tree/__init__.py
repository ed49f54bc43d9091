"""The files of a folder: the walk, the ignore rules, and what is left out by name."""
