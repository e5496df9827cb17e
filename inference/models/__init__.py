"""Model files: which there are, what they hold, whether they can be used, what they need."""
