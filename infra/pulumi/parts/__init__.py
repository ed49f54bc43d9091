"""Building blocks of components: guarded namespaces, hardened workloads, pinned charts, gates, generated secrets."""
