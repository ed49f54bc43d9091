"""MLflow: training runs, the versions of the adapter, and which of them is Production."""
