"""How the static vectors that ship with the package are made; see README.md beside this file."""
