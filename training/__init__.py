"""The recipe that trains the built-in model; no part of the product. See README.md."""
