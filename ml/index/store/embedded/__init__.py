"""The embedded store: Qdrant Edge in this process, with a new shard for each generation of the index."""
