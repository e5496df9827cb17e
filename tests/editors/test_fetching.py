"""`.ci/editors.py`: which editor is taken, where one is fetched from, what is said if neither."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.nvim_process import ROOT


@pytest.fixture(scope="module")
def editors() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ci_editors", ROOT / ".ci" / "editors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ci_editors"] = module  # where its dataclasses look up their annotations
    sys.path.insert(0, str(ROOT / ".ci"))  # it imports its neighbour
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def program(path: Path, version_line: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{version_line}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def nothing_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("SOTTO_NVIM", "SOTTO_HELIX", "SOTTO_EMACS", "SOTTO_TMUX"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_named_program_is_taken(
    editors: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin" / "nvim", "NVIM v0.13.0")
    named = program(tmp_path / "mine", "NVIM v0.12.4")
    monkeypatch.setenv("SOTTO_NVIM", str(named))
    assert editors.find(editors.EDITORS["nvim"]) == named


@pytest.mark.parametrize(
    ("version_line", "said"),
    [
        ("NVIM v0.11.3", "is version 0.11; Neovim 0.12 or newer is needed"),
        ("ls (GNU coreutils) 9.1", "does not run as Neovim"),
    ],
)
def test_a_named_program_that_will_not_do_is_an_error(
    editors: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version_line: str,
    said: str,
) -> None:
    monkeypatch.setenv("SOTTO_NVIM", str(program(tmp_path / "mine", version_line)))
    with pytest.raises(editors.EditorsError, match=said):
        editors.find(editors.EDITORS["nvim"])


@pytest.mark.parametrize(
    ("version_line", "is_taken"), [("NVIM v0.12.0-dev", True), ("NVIM v0.9.5", False)]
)
def test_one_on_the_path_is_taken_if_it_is_new_enough(
    editors: ModuleType, tmp_path: Path, version_line: str, is_taken: bool
) -> None:
    on_path = program(tmp_path / "bin" / "nvim", version_line)
    assert editors.find(editors.EDITORS["nvim"]) == (on_path if is_taken else None)


@pytest.mark.parametrize(
    ("name", "version_line"),
    [("hx", "helix 25.07.1 (a05c151b)"), ("emacs", "GNU Emacs 30.2"), ("tmux", "tmux 3.3a")],
)
def test_each_is_known_by_its_version(
    editors: ModuleType, tmp_path: Path, name: str, version_line: str
) -> None:
    on_path = program(tmp_path / "bin" / name, version_line)
    assert editors.find(editors.EDITORS[name]) == on_path


def test_a_cache_that_was_moved_does_not_count(editors: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "sotto" / "editors" / "nvim"
    cached = program(folder / "bin" / "nvim", "NVIM v0.12.4")
    stamp = folder / "stamp.json"
    stamp.write_text(f'{{"recipe": {editors.RECIPE}, "folder": "{folder}"}}')
    assert editors.find(editors.EDITORS["nvim"]) == cached
    stamp.write_text(f'{{"recipe": {editors.RECIPE}, "folder": "/elsewhere"}}')
    assert editors.find(editors.EDITORS["nvim"]) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "sources.list.d/debian.sources",
            "Types: deb\n# a comment\nURIs: https://mirror.example/debian\n"
            "Suites: bookworm bookworm-updates\nComponents: main\n\n"
            "Types: deb\nURIs: https://mirror.example/security\nSuites: bookworm-security\n",
        ),
        (
            "sources.list",
            "deb https://vendor.example/browser stable main\n"
            "deb http://mirror.example/security bookworm-security main\n"
            "deb [signed-by=/key] https://mirror.example/debian bookworm main\n",
        ),
        ("sources.list", "deb [arch=amd64] https://mirror.example/debian trixie main contrib\n"),
        (
            "sources.list.d/other.list",
            "# deb x sid main\ndeb https://mirror.example/debian sid main",
        ),
    ],
)
def test_the_machines_own_mirror_is_used(
    editors: ModuleType, tmp_path: Path, name: str, text: str
) -> None:
    listing = tmp_path / "apt" / name
    listing.parent.mkdir(parents=True)
    listing.write_text(text)
    assert editors.debian_mirror(tmp_path / "apt")[0] == "https://mirror.example/debian"


def test_without_a_debian_mirror_it_says_what_to_do(editors: ModuleType, tmp_path: Path) -> None:
    listing = tmp_path / "apt" / "sources.list"
    listing.parent.mkdir()
    listing.write_text("deb https://mirror.example/ubuntu noble main\n")
    with pytest.raises(
        editors.EditorsError, match=r"install Neovim 0.12, .* or newer .* SOTTO_NVIM"
    ):
        editors.debian_mirror(tmp_path / "apt")


def test_pyright_is_looked_for_in_the_cache_alone(editors: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(editors.EditorsError, match="`make editors` fetches it"):
        editors.pyright(may_fetch=False)
    program = tmp_path / "cache/sotto/editors" / f"pyright-{editors.PYRIGHT}"
    program /= "node_modules/.bin/pyright-langserver"
    program.parent.mkdir(parents=True)
    program.touch()
    assert editors.pyright(may_fetch=False) == program
