"""Sotto's language server: knows the protocol, never touches a model (`inference` does)."""
