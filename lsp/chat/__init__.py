"""The conversation with the model: turns, what is attached to them, tools, edits, and their record.

Knows no protocol and no session, but for `protocol.py`, which says what is exchanged with editors.
"""
