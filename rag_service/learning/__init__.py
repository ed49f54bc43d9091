"""The learning loop as functions of the settings: index, dataset, train, evaluate, promote; each returns a report.

The commands print the reports; the pipeline's stages (`python -m rag_service.learning STAGE ARGUMENTS`) pass them on.
"""
