"""The lines of an answer that are no code: fences, markers, and those that name a file."""

from __future__ import annotations

import re

FENCE = re.compile(r"(?P<margin>\s*)(?P<fence>`{3,}|~{3,})\s*(?P<info>[^`\n]*?)\s*")
SEARCH = re.compile(r"(?P<margin>\s*)<{5,9}\s*(?:SEARCH|ORIGINAL|HEAD|OLD)?\s*")
DIVIDER = re.compile(r"(?P<margin>\s*)={5,9}\s*")
REPLACE = re.compile(r"(?P<margin>\s*)>{5,9}\s*(?:REPLACE|UPDATED|NEW)?\s*")
HUNK = re.compile(r"@@.*")

_EXTENSION = r"\.[A-Za-z][\w+-]*"
_NAME = r"[\w@.~+()\[\]-]"
_PATH = (
    rf"(?P<path>[\\/]?{_NAME}*(?:[\\/][\w@.~+()\[\] -]+)*{_EXTENSION}"
    r"|[\w./-]*(?:Makefile|Dockerfile))"
)
_PATH_LINE = re.compile(
    r"\s*(?:(?:#{1,6}|//|--|[-*]|\d+[.)]) +)?[`*_]*(?:(?:file|filename|path|in|datei)\b:? *)?[`*_]*"
    rf"{_PATH}[`*_:\s]*",
    re.IGNORECASE,
)
_PATH_COMMENT = re.compile(
    r"\s*(?:#|//|--|;|/\*|<!--) *(?:file(?:name)?|path)?:? *"
    r"(?P<path>[\w./\\@-]+\.\w{1,8})\s*(?:\*/|-->)?\s*",
    re.IGNORECASE,
)
_PATH_WORD = re.compile(rf"[\w@.~+/\\()\[\]-]*{_EXTENSION}")
_MAX_CHARS = 300
"""A longer line is none of these: some of the patterns take the square of its length."""


def match(pattern: re.Pattern[str], line: str) -> re.Match[str] | None:
    """Whether the whole line is such a mark."""
    return pattern.fullmatch(line) if len(line) <= _MAX_CHARS else None


def path_on(line: str) -> str:
    """The path that is all a line says: `a.py`, `### **src/a.py**:`, `File: a.py`; else nothing."""
    found = match(_PATH_LINE, line)
    return found["path"] if found else ""


def path_in_comment(line: str) -> str:
    """The path that is all a line of code says: `# src/a.py`, `// File: a.ts`; else nothing."""
    found = match(_PATH_COMMENT, line)
    return found["path"] if found else ""


def path_in_info(info: str) -> str:
    """Of a fence: `python:src/a.py`, `python src/a.py`, `python title="src/a.py"`, `src/a.py`."""
    words = re.split(r"[\s:=\"'{},]+", info[:_MAX_CHARS])
    return next((word for word in words if _PATH_WORD.fullmatch(word)), "")
