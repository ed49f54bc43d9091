"""How long the test cluster takes, from cached binaries."""
