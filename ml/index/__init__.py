"""Repositories -> chunks -> vectors -> Qdrant. The only place that knows the collection's schema."""
