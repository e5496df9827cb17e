"""Code actions: what can be done at a place, and how. Knows no protocol and no session."""
