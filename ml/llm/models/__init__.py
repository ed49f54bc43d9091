"""Models as files on this machine: which there are, where they come from, whether they are genuine, how fast they are."""
