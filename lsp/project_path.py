"""Where a document is inside the open folders."""

from __future__ import annotations

from pathlib import Path

from pygls.uris import to_fs_path


def path_in_project(uri: str, folders: tuple[Path, ...]) -> str:
    """The file's path inside the innermost open folder; its bare name outside of all."""
    path = to_fs_path(uri)
    if path is None:
        return ""
    inside = [folder for folder in folders if Path(path).is_relative_to(folder)]
    if not inside:
        return Path(path).name
    return Path(path).relative_to(max(inside, key=lambda folder: len(folder.parts))).as_posix()
