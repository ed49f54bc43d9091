"""How good answers are: metrics, the report that holds them, and whether the judge may be trusted."""
