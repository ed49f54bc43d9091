"""Evaluation of answers: metrics, their report, and the check of the judge."""
