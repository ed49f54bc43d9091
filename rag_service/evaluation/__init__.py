"""Evaluation of the service: asking it questions, and the reports in the data folder."""
