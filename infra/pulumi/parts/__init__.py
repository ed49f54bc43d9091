"""What the components are made of: guarded namespaces, hardened workloads, pinned charts, gates, generated secrets."""
