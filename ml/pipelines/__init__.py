"""The learning loop as pipelines: the same stages run by hand, by `kfp.local` on this machine, and on a cluster."""
