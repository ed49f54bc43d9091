"""From a question to ranked chunks: encode -> candidates -> rules."""
