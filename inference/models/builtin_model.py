"""The model that ships with the program."""

from __future__ import annotations

from pathlib import Path

_FILE_NAME = "tiny-fim-6.8m-q8_0.gguf"


def builtin_model_path() -> Path:
    """The built-in model's file, an absolute path. Package data, so it exists on disk."""
    return Path(__file__).resolve().parent / "builtin" / _FILE_NAME
