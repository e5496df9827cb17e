"""Where a function's tests go, by the conventions of its language."""

from __future__ import annotations

import re
from pathlib import Path

from lsp.actions.definitions import Definition
from lsp.actions.place import Place

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


def new_test_file(place: Place, folders: tuple[Path, ...], function: Definition) -> Path | None:
    """The first file of the usual names that does not exist yet; None if all of them do.

    It is beside the document or, in Python, in the `tests` of the open folder that holds it.
    """
    path = place.path
    if path is None:
        return None
    pattern, _ = _PATTERNS[place.language.id]
    tests = [root / "tests" for root in folders if path.is_relative_to(root)]
    found = [folder for folder in tests if folder.is_dir() and place.language.id == "python"]
    folder = found[-1] if found else path.parent
    for stem in (path.stem, f"{path.stem}_{function.name.lower()}"):
        target = folder / pattern.format(stem=stem, suffix=path.suffix)
        if not target.exists():
            return target
    return None
