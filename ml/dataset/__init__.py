"""Question-answer pairs for training and evaluation, from indexed code, rated answers and handwritten files."""
