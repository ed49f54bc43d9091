"""Train the static vectors that ship with the package; see README.md in this folder."""
