"""A walkthrough of code, read off its syntax tree: what happens, in which order, under which condition."""
