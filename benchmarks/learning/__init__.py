"""Fine-tuning speed compared with trl's bare trainer, and the pipeline's overhead."""
