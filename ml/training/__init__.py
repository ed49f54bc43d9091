"""Fine-tuning: the function that trains a LoRA adapter, where it runs, and the adapter's form for llama.cpp."""
