"""How fast fine-tuning is beside a bare loop of trl's, and what the pipeline costs beyond its stages."""
