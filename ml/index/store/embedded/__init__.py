"""The embedded store: Qdrant Edge in this process, one shard a generation of a repository."""
