"""The routes and their request and response models."""
