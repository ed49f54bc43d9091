"""From a question to an answer whose every citation holds: retrieve -> prompt -> generate -> cite."""
