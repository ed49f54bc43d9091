"""The learning loop as pipelines: the same stages by hand, by `kfp.local` on this machine, and on a cluster."""
