"""Uncommitted changes of a repository that names programs to run, and of others."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lsp.chat.git_diff import git_diff

_NAME = ("-c", "user.name=a", "-c", "user.email=a@b.c")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "repository"
    folder.mkdir()
    (folder / "a.txt").write_text("one\n")
    (folder / ".env").write_text("TOKEN=one\n")
    git(folder, "init", "-q")
    git(folder, "add", "-f", ".")
    git(folder, "commit", "-qm", "first")
    (folder / "a.txt").write_text("two\n")
    (folder / ".env").write_text("TOKEN=two\n")
    return folder


def git(folder: Path, *arguments: str, check: bool = True) -> None:
    subprocess.run(["git", *_NAME, *arguments], cwd=folder, check=check, capture_output=True)


async def test_changes_without_secrets(repository: Path) -> None:
    diff = await git_diff(repository)
    assert diff is not None
    assert "-one\n+two\n" in diff
    assert "TOKEN" not in diff
    assert diff.count("diff --git") == 1


async def test_no_program_of_the_repository_runs(repository: Path) -> None:
    mark = repository / "ran"
    evil = f"touch {mark}; cat"
    for key in (
        "filter.x.clean", "filter.x.smudge", "filter.x.process", "diff.x.textconv",
        "diff.x.command", "diff.external", "core.fsmonitor", "core.pager", "core.sshCommand",
        "core.editor",
    ):  # fmt: skip
        git(repository, "config", key, evil)
    git(repository, "config", "filter.x.required", "true")
    git(repository, "config", "core.hooksPath", str(repository))
    (repository / ".gitattributes").write_text("* filter=x diff=x\n")
    hook = repository / "post-index-change"
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    # It is a real danger: git itself would run it.
    git(repository, "diff", check=False)
    assert mark.exists()
    mark.unlink()
    diff = await git_diff(repository)
    assert not mark.exists()
    assert diff is not None
    assert "+two" in diff


async def test_where_there_is_no_repository(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert await git_diff(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert await git_diff(repository) is None
