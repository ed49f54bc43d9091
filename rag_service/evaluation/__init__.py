"""The service as an evaluation asks it, and what becomes of the figures: reports in the data folder."""
