"""What of a project a model may see."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp.project.paths import PathRefusedError, resolve
from lsp.project.workspace import UnreadableError, Workspace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = (tmp_path / "project").resolve()
    for name in ("src/a.py", ".git/config", ".env", ".env.example", "secrets/x.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (tmp_path / "outside.txt").write_text("outside")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "up").symlink_to(tmp_path)
    (folder / "inner").symlink_to(folder / "src")
    (folder / "innocent.txt").symlink_to(folder / ".env")
    (folder / "innocent").symlink_to(folder / ".git")
    return folder


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("src/a.py", "src/a.py"),
        ("./src/../src/a.py", "src/a.py"),
        ("inner/a.py", "src/a.py"),
        (".", "."),
        ("new/file.py", "new/file.py"),
        (".env.example", ".env.example"),
        ("environment.py", "environment.py"),
        ("github/a.md", "github/a.md"),
        ("naïve/日本.yaml", "naïve/日本.yaml"),
        ("👩\u200d💻.md", "👩\u200d💻.md"),
    ],
)
def test_what_is_inside_is_found(folder: Path, path: str, found: str) -> None:
    assert resolve(path, [folder]) == folder / found
    assert resolve(str(folder / path), [folder]) == folder / found


@pytest.mark.parametrize(
    "path",
    [
        "../outside.txt", "/etc/passwd", "src/../../outside.txt", "link.txt", "up/outside.txt",
        "up/project/../outside.txt", "~/.ssh/id_rsa/../../../../../etc/passwd",
        ".git/config", ".GIT/config", "src/.git", ".git", "innocent/config", "innocent.txt",
        ".env", ".env.local", "deploy/prod.env", ".ENV", "secrets/x.txt", "id_rsa", "key.pem",
        "a/server.KEY", ".ssh/known_hosts", ".aws/credentials", ".netrc", ".npmrc",
        ".vscode/tasks.json", ".idea/workspace.xml", ".helix/languages.toml", ".nvim.lua", ".exrc",
        ".github/workflows/ci.yml", ".gitlab-ci.yml", "Jenkinsfile", ".pre-commit-config.yaml",
        ".husky/pre-commit", ".bashrc", ".zshrc", ".profile", ".envrc", "a.code-workspace",
        "src/a.py\0.txt", "src/a.py:stream", "GIT~1/config", ".git./config", ".git /config",
        "sitecustomize.py", ".gitattributes", ".g\u200cit/config", ".git\ufeff/config",
        "azure-pipelines.yaml", ".drone.YAML", "lefthook.yaml", ".teamcity/settings.kts",
        ".cargo/config.toml", "mise.toml", "secrets.yaml", "src/.Git/../.git/hooks/pre-commit",
    ],
)  # fmt: skip
def test_what_is_outside_or_protected_is_refused(folder: Path, path: str) -> None:
    with pytest.raises(PathRefusedError):
        resolve(path, [folder])
    with pytest.raises(PathRefusedError):
        resolve(str(folder / path), [folder])


@given(
    st.lists(st.sampled_from(["..", ".", "src", "up", "inner", "project", "x", "/"]), max_size=8)
)
def test_no_path_leads_out(parts: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(os.path.realpath(name)) / "project"
        (folder / "src").mkdir(parents=True)
        (folder / "up").symlink_to(folder.parent)
        (folder / "inner").symlink_to(folder / "src")
        try:
            found = resolve("/".join(parts), [folder])
        except PathRefusedError:
            return
        assert found.is_relative_to(folder)


def test_without_a_folder_nothing_is_seen(folder: Path) -> None:
    with pytest.raises(PathRefusedError, match="No folder is open"):
        resolve(str(folder / "src/a.py"), [])


def test_of_several_folders_the_one_that_has_the_file(folder: Path, tmp_path: Path) -> None:
    other = tmp_path.resolve() / "other"
    other.mkdir()
    (other / "b.py").write_text("b")
    workspace = Workspace((folder, other))
    assert workspace.resolve("b.py") == other / "b.py"
    assert workspace.shown(other / "b.py") == "other/b.py"
    assert workspace.shown(folder / "src/a.py") == "project/src/a.py"


def test_lists_and_walks_leave_out_what_is_protected(folder: Path) -> None:
    workspace = Workspace((folder,))
    assert workspace.entries(folder) == [
        ".env.example", "inner/", "innocent.txt", "innocent/", "link.txt", "src/", "up/",
    ]  # fmt: skip
    walked = {workspace.shown(path) for path in workspace.files()}
    assert walked == {"src/a.py", ".env.example"}


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.bin", b"a\0b", "not text"),
        ("latin.txt", b"\xfc", "not UTF-8"),
        ("large.txt", b"x" * (2 << 20), "larger than"),
    ],
)
def test_files_that_are_no_text_are_refused(
    folder: Path, name: str, data: bytes, reason: str
) -> None:
    (folder / name).write_bytes(data)
    workspace = Workspace((folder,))
    with pytest.raises(UnreadableError, match=reason):
        workspace.read(workspace.resolve(name))


def test_pipes_and_folders_are_no_files(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    workspace = Workspace((folder,))
    for name in ("pipe", "src", "missing"):
        with pytest.raises(UnreadableError):
            workspace.read(workspace.resolve(name))


def test_a_file_that_became_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    workspace = Workspace((folder,))
    path = workspace.resolve("src/a.py")
    path.unlink()
    path.symlink_to(tmp_path / "outside.txt")
    with pytest.raises(UnreadableError):
        workspace.read(path)
