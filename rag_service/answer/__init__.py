"""Answer a question with verified citations: retrieve -> prompt -> generate -> cite."""
