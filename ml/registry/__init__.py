"""MLflow: what was trained and how, the versions of the adapter, and which of them is Production."""
