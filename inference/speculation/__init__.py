"""Speculative decoding: guess the next tokens, check them in one call, keep the right ones.

Chosen are always the model's own tokens (Leviathan et al., arXiv:2211.17192, for drafts that are
certain of themselves), so a draft changes how long an answer takes and nothing else.
"""
