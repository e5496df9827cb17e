"""How a model file is refused: one sentence with the file, what was found, what was expected and
what to do. Text out of a file is hostile, so it is made safe before it enters a message."""

from __future__ import annotations

from pathlib import Path

from inference.errors import InvalidModelError, ModelNotFoundError, UnsupportedModelError

_DAMAGED = "download it again or choose another model"


def shown(text: str | bytes) -> str:
    """Text out of a file: quoted, escaped, short."""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return repr(plain if len(plain) <= 60 else plain[:57] + "...")


def printable(path: Path) -> str:
    """A path that can be encoded, whatever bytes the file's name has."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def invalid(path: Path, found: str, expected: str, advice: str = _DAMAGED) -> InvalidModelError:
    """The file contradicts itself or the format."""
    return InvalidModelError(
        f"The model file {printable(path)} cannot be used: {found}, where {expected} was"
        f" expected; {advice}."
    )


def unsupported(
    path: Path, why: str, advice: str = "choose a model that writes text"
) -> UnsupportedModelError:
    """The file is well-formed, but of no use here."""
    return UnsupportedModelError(
        f"The model file {printable(path)} cannot be used: {why}; {advice}."
    )


def deadly(path: Path, why: str) -> InvalidModelError:
    """The file passed every check and still ended, or stopped, the process that tried it."""
    shown_path = printable(path)
    return InvalidModelError(
        f"The model file {shown_path} cannot be used: {why} when it was loaded on trial, in a"
        f" process of its own; {_DAMAGED}, or let `sotto doctor --model {shown_path}` try it once"
        " more."
    )


def changed(path: Path) -> InvalidModelError:
    """The file, or one that belongs to it, is not the one that was checked."""
    return InvalidModelError(
        f"The model file {printable(path)} cannot be used: it was changed while it was loaded on"
        " trial; choose it again once whatever writes it has ended."
    )


def unreadable(path: Path, error: OSError | ValueError) -> ModelNotFoundError:
    """The operating system does not give the file."""
    why = error.strerror if isinstance(error, OSError) else str(error)
    return ModelNotFoundError(
        f"The model file {printable(path)} cannot be read ({why}); check the path and its"
        " permissions."
    )


def recognised(start: bytes) -> str | None:
    """What a file is that people mistake for a GGUF, from its first 64 bytes."""
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer instead of the file itself (`git lfs pull` fetches it)"
    if start.startswith((b"tjgg", b"fmgg", b"lmgg")):
        return "a model in llama.cpp's old GGML format"
    if start.startswith((b"PK\x03\x04", b"\x80\x02")):
        return "a PyTorch checkpoint"
    if start[8:10] == b'{"':
        return "a safetensors file"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "a web page, so the download went wrong"
    return None
