"""Question-answer pairs from indexed code, from rated answers and by hand: what models learn from and are measured on."""
