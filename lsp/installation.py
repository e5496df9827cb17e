"""Whether the two packages of Sotto belong together. Checked before `inference` is imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from lsp.errors import InstallationError


def check() -> None:
    """Raises InstallationError if `inference` is not the package beside this one.

    Both names are common: a folder's own `inference.py`, or another distribution's package, may
    come first on the path. Finding a top-level module does not run it.
    """
    here = Path(__file__).resolve().parent.parent
    spec = find_spec("inference")
    origin = Path(spec.origin).resolve() if spec is not None and spec.origin else None
    if origin != here / "inference" / "__init__.py":
        raise InstallationError(
            f"Sotto cannot start: Python finds the package `inference` at {origin} instead of in "
            f"{here}; start the command `sotto` with PYTHONPATH unset, or install Sotto into an "
            "environment of its own (`make setup` in a clone of it)."
        )
