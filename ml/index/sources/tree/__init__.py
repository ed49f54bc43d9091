"""The files of a folder: the walk, the ignore rules, and the rules by name."""
