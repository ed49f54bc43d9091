"""Fine-tuning: the function that trains a LoRA adapter, and where it runs."""
