"""Actions in Neovim that reach further: tests in another file, imports by another program."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.editors.conftest import StartNeovim
from tests.editors.test_neovim_actions import CHOOSE, open_at, undone, until_changed
from tests.support.action_cases import SIMPLE
from tests.support.nvim import Neovim
from tests.support.nvim_chat import serve_script
from tests.support.places import assert_in_step

pytestmark = pytest.mark.editor

IMPORT = "from a import positive\n"
TESTS = "\n\ndef test_positive():\n    assert positive(1)\n"
WRITTEN = IMPORT + TESTS
OLD = '"""Tests."""\n\nimport pytest\n\n\ndef test_x():\n    pass\n'
OLD_LINES = list[str](OLD.splitlines())
MERGED = OLD.replace("pytest\n", f"pytest\n{IMPORT}") + TESTS
UNSORTED = "import sys\nimport os\n\nX = 1\n"
SORTED = "import os\nimport sys\n\nX = 1\n"

TEXT_OF = """
local bufnr = vim.fn.bufnr(...)
if bufnr < 0 or not vim.api.nvim_buf_is_loaded(bufnr) then return '' end
return table.concat(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false), '\\n') .. '\\n'
"""
ON_SAVING = """
vim.lsp.buf.code_action({ context = { only = { 'source.organizeImports' } }, apply = true })
"""
"""As people have it in their configuration."""


def until_text(neovim: Neovim, path: Path, text: str) -> None:
    """Wait until the buffer of a file holds it."""
    neovim.wait_for(lambda: neovim.lua(TEXT_OF, str(path)) == text or None, f"{text!r}")


# Write tests


@dataclass
class Writing:
    """A Neovim with a project in which the model writes tests for `positive`."""

    neovim: Neovim
    project: Path

    @property
    def tests(self) -> Path:
        """Where they go."""
        return self.project / "test_a.py"

    def choose(self) -> None:
        open_at(self.neovim, self.project / "a.py", SIMPLE, 3)
        self.neovim.lua(CHOOSE, "Write tests for `positive`")

    def at_the_question(self, code: str) -> None:
        """Have Lua run in the place of Neovim's question, and its value be the answer."""
        self.neovim.lua(f"vim.fn.confirm = function(asked) _G.asked = asked; {code} end")


@pytest.fixture
def writing(start_neovim: StartNeovim, tmp_path: Path) -> Writing:
    neovim = start_neovim()
    serve_script(neovim, tmp_path, [f"```python\n{WRITTEN}```"])
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    return Writing(neovim, project)


def test_new_tests_wait_in_a_buffer_to_be_written(writing: Writing) -> None:
    writing.at_the_question("return 1")
    writing.choose()
    until_text(writing.neovim, writing.tests, WRITTEN)
    assert not writing.tests.exists()
    asked = writing.neovim.lua("return _G.asked")
    assert asked == "Apply all changes?\nWrite tests for `positive`: test_a.py"
    assert writing.neovim.lines() == SIMPLE.splitlines(), "the code stays in the window"
    writing.neovim.command("wall")
    assert writing.tests.read_text() == WRITTEN


def test_new_tests_that_are_not_wanted_leave_nothing(writing: Writing) -> None:
    writing.at_the_question("return 2")
    writing.choose()
    writing.neovim.wait_for(lambda: writing.neovim.lua("return _G.asked"), "the question")
    writing.neovim.command("wall")
    assert not writing.tests.exists()


def test_a_file_that_comes_to_be_at_the_last_moment_is_not_emptied(writing: Writing) -> None:
    """After the server's last look, while Neovim asks; Neovim itself would have emptied it."""
    somebody = f"vim.fn.writefile({{'def test_x():', '    pass'}}, [[{writing.tests}]])"
    writing.at_the_question(f"{somebody}; return 1")
    writing.choose()
    until_text(writing.neovim, writing.tests, WRITTEN)
    assert writing.tests.read_text() == "def test_x():\n    pass\n"
    writing.neovim.command("silent! wall")
    assert "test_x" in writing.tests.read_text(), "it is not written over either"


@pytest.mark.parametrize(("eol", "mark"), [("\n", ""), ("\r\n", "\ufeff")])
def test_tests_go_into_a_file_that_is_not_open(writing: Writing, eol: str, mark: str) -> None:
    neovim, before = writing.neovim, (mark + OLD.replace("\n", eol)).encode()
    writing.tests.write_bytes(before)
    writing.at_the_question("return 1")
    writing.choose()
    until_text(neovim, writing.tests, MERGED)
    assert writing.tests.read_bytes() == before, "saving is the user's"
    neovim.command(f"buffer {writing.tests}")
    neovim.wait_until_ready()
    assert_in_step(neovim)
    assert undone(neovim, OLD_LINES)
    neovim.press("<C-r>")
    neovim.command("write")
    assert writing.tests.read_bytes() == (mark + MERGED.replace("\n", eol)).encode()
    assert_in_step(neovim)


def test_tests_go_into_a_buffer_that_is_not_saved(writing: Writing) -> None:
    neovim = writing.neovim
    writing.tests.write_text("def test_of_long_ago(): pass\n")
    neovim.edit(writing.tests)
    neovim.lua("vim.api.nvim_buf_set_lines(0, 0, -1, true, ...)", OLD_LINES)
    neovim.command("set hidden")
    writing.choose()
    until_text(neovim, writing.tests, MERGED)
    assert writing.tests.read_text() == "def test_of_long_ago(): pass\n"
    neovim.command(f"buffer {writing.tests}")
    assert_in_step(neovim)
    assert undone(neovim, OLD_LINES)


# Sort imports


@pytest.fixture
def sorting(start_neovim: StartNeovim, monkeypatch: pytest.MonkeyPatch) -> Neovim:
    """A Neovim that finds ruff and isort."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    return start_neovim()


@pytest.mark.parametrize("settings", ["ruff.toml", ".isort.cfg"])
@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_imports_are_sorted_and_undone_in_one_step(
    sorting: Neovim, tmp_path: Path, settings: str, eol: str
) -> None:
    (tmp_path / settings).write_text("[settings]\n" if settings == ".isort.cfg" else "")
    (tmp_path / ".git").mkdir()
    path = tmp_path / "a.py"
    open_at(sorting, path, f"# Saved.\n{UNSORTED}".replace("\n", eol), 1)
    sorting.press("dd")
    before = sorting.lines()
    sorting.lua(CHOOSE, "Sort imports")
    assert until_changed(sorting, before) == SORTED.splitlines()
    assert_in_step(sorting)
    sorting.command("write")
    assert path.read_bytes() == SORTED.replace("\n", eol).encode()
    assert undone(sorting, before)
    assert_in_step(sorting)


def test_sorted_imports_are_left_as_they_are(sorting: Neovim, tmp_path: Path) -> None:
    open_at(sorting, tmp_path / "a.py", SORTED, 1)
    tick = sorting.lua("return vim.b.changedtick")
    sorting.lua(ON_SAVING)
    pending = "return vim.tbl_count(vim.lsp.get_clients({ name = 'sotto' })[1].requests)"
    sorting.wait_for(lambda: sorting.lua(pending) == 0 or None, "the answers")
    assert sorting.lua("return vim.b.changedtick") == tick
    assert not sorting.lua("return vim.bo.modified")


def test_without_a_program_it_is_said(
    start_neovim: StartNeovim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    neovim = start_neovim()
    open_at(neovim, tmp_path / "a.py", UNSORTED, 1)
    neovim.lua(CHOOSE, "Sort imports")
    neovim.wait_for(lambda: "takes ruff or isort" in neovim.messages() or None, "the reason")
    assert neovim.lines() == UNSORTED.splitlines()
