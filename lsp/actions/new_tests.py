"""Where a function's tests go, by the conventions of its language."""

from __future__ import annotations

import os
import re
from pathlib import Path

from lsp.actions.definitions import Definition
from lsp.actions.place import Place
from lsp.project.paths import PathRefusedError, resolve
from lsp.project.workspace import Workspace

_PATTERNS = {
    "python": ("test_{stem}.py", "test_"),
    "javascript": ("{stem}.test{suffix}", ""),
    "typescript": ("{stem}.test{suffix}", ""),
    "typescriptreact": ("{stem}.test{suffix}", ""),
    "go": ("{stem}_test.go", "Test"),
}
_IS_TEST = re.compile(r"^test_|_test\.|\.test\.|\.spec\.|^conftest\.")


def can_have_tests(function: Definition, place: Place) -> bool:
    """Not where there is no convention, and not for what is a test already."""
    pattern = _PATTERNS.get(place.language.id)
    if pattern is None or place.path is None:
        return False
    is_test = pattern[1] and function.name.startswith(pattern[1])
    return not is_test and not _IS_TEST.search(place.path.name)


def file_for_tests(place: Place, function: Definition, workspace: Workspace) -> Path | None:
    """Where they go, links followed: in Python the file of the usual name, which may exist; else
    the first of the usual names that does not. None if all of them do.

    It is beside the document or, in Python, in the `tests` of the open folder that holds it. Raises
    PathRefusedError if that leads out of both.
    """
    path = place.path
    if path is None:
        return None
    is_python = place.language.id == "python"
    pattern, _ = _PATTERNS[place.language.id]
    tests = [root / "tests" for root in workspace.folders if path.is_relative_to(root)]
    found = [folder for folder in tests if folder.is_dir() and is_python]
    beside = Path(os.path.realpath(path.parent))
    folder = found[-1] if found else beside
    for stem in (path.stem, f"{path.stem}_{function.name.lower()}"):
        target = resolve(
            str(folder / pattern.format(stem=stem, suffix=path.suffix)),
            (*workspace.folders, beside),
        )
        if is_python or not workspace.exists(target):
            return target
    return None


def has_tests(place: Place, function: Definition, workspace: Workspace) -> bool:
    """Whether the file that tests would go to is there."""
    try:
        target = file_for_tests(place, function, workspace)
    except PathRefusedError:
        return False
    return target is not None and workspace.exists(target)
