"""What is done with answers in Neovim: code applied, copied, inserted; conversations kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.editors.conftest import StartNeovim
from tests.support.nvim import Neovim
from tests.support.nvim_chat import (
    go_to_code,
    go_to_transcript,
    say,
    serve_script,
    transcript,
    until_answered,
    until_said,
)
from tests.support.places import assert_in_step

pytestmark = pytest.mark.editor

ADD = "def add(a, b):\n    return a - b\n\n\ndef keep():\n    pass\n"
FIXED = "```python\ndef add(a, b):\n    return a + b\n```\n"
TWO_FILES = """\
a.py
```python
<<<<<<< SEARCH
    return a - b
=======
    return a + b
>>>>>>> REPLACE
```

new.py
```python
import a
```
"""
SELECT = """
local wanted = ...
_G.offered = nil
vim.ui.select = function(items, options, choose)
  local format = options.format_item or tostring
  _G.offered = vim.tbl_map(format, items)
  for _, item in ipairs(items) do
    if format(item):find(wanted, 1, true) then return choose(item) end
  end
  choose(nil)
end
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    (folder / "a.py").write_text(ADD)
    return folder


@pytest.fixture
def answered(start_neovim: StartNeovim, tmp_path: Path, project: Path) -> Callable[..., Neovim]:
    """Starts a Neovim on `a.py` in which a question has been asked and the first answer given."""

    def start(*answers: str) -> Neovim:
        neovim = start_neovim()
        serve_script(neovim, tmp_path, answers)
        neovim.edit(project / "a.py")
        say(neovim, "Mend add.")
        until_said(neovim, answers[0].strip().splitlines()[-1])
        until_answered(neovim)
        return neovim

    return start


def diff_shown(neovim: Neovim) -> list[str]:
    return neovim.wait_for(
        lambda: neovim.lines() if neovim.lua("return vim.bo.filetype") == "diff" else None,
        "the diff",
    )


@pytest.mark.parametrize("line", ["    return a + b", "Mended:"])
def test_a_block_is_applied_once_it_is_accepted(
    answered: Callable[..., Neovim], project: Path, line: str
) -> None:
    neovim = answered(f"Mended:\n\n{FIXED}")
    go_to_transcript(neovim, line)
    neovim.press("ga")
    assert diff_shown(neovim)[3:6] == [" def add(a, b):", "-    return a - b", "+    return a + b"]
    neovim.press("a")
    go_to_code(neovim, project / "a.py")
    assert neovim.lines() == ADD.replace("a - b", "a + b").splitlines()
    assert_in_step(neovim)
    assert (project / "a.py").read_text() == ADD, "writing it is the user's"
    neovim.press("u")
    assert neovim.lines() == ADD.splitlines()
    assert_in_step(neovim)


@pytest.mark.parametrize("keys", ["q", "<Esc>", ":q<CR>", "<C-w>p"])
def test_what_is_not_accepted_is_not_made(
    answered: Callable[..., Neovim], project: Path, keys: str
) -> None:
    neovim = answered(FIXED)
    go_to_transcript(neovim, "    return a + b")
    neovim.press("ga")
    diff_shown(neovim)
    neovim.press(keys)
    go_to_code(neovim, project / "a.py")
    assert neovim.lines() == ADD.splitlines()


def test_each_file_is_asked_about(answered: Callable[..., Neovim], project: Path) -> None:
    neovim = answered(TWO_FILES)
    go_to_transcript(neovim, "# Sotto")
    neovim.press("ga")
    assert "+    return a + b" in diff_shown(neovim)
    neovim.press("q")
    neovim.wait_for(lambda: "+import a" in neovim.lines(), "the second diff")
    assert not (project / "new.py").exists()
    neovim.press("a")
    read = "return vim.api.nvim_buf_get_lines(vim.fn.bufadd(...), 0, -1, false)"
    new = str(project / "new.py")
    assert neovim.lua(read, new) == ["import a"]
    assert not (project / "new.py").exists(), "writing it is the user's"
    neovim.command("wall")
    assert (project / "new.py").read_text() == "import a\n"
    go_to_code(neovim, project / "a.py")
    assert neovim.lines() == ADD.splitlines()


def test_a_new_file_that_another_has_made_meanwhile_is_left_alone(
    answered: Callable[..., Neovim], project: Path
) -> None:
    neovim = answered(TWO_FILES)
    go_to_transcript(neovim, "import a")
    neovim.press("ga")
    diff_shown(neovim)
    (project / "new.py").write_text("precious\n")
    neovim.press("a")
    assert "new.py is there meanwhile; nothing was done" in neovim.messages()
    assert (project / "new.py").read_text() == "precious\n"


def test_a_block_among_others_takes_the_path_before_it(
    answered: Callable[..., Neovim], project: Path
) -> None:
    neovim = answered(TWO_FILES)
    go_to_transcript(neovim, "import a")
    neovim.press("ga")
    assert diff_shown(neovim)[-1] == "+import a"
    neovim.press("q")
    assert not (project / "new.py").exists()


def test_an_edit_of_a_text_that_has_changed_is_refused(
    answered: Callable[..., Neovim], project: Path
) -> None:
    neovim = answered(FIXED)
    go_to_transcript(neovim, "    return a + b")
    neovim.press("ga")
    diff_shown(neovim)
    code = "vim.api.nvim_buf_set_lines(vim.fn.bufnr(...), 0, 0, true, { '# new' })"
    neovim.lua(code, str(project / "a.py"))
    neovim.press("a")
    assert "a.py has changed meanwhile; nothing was done" in neovim.messages()
    go_to_code(neovim, project / "a.py")
    assert neovim.lines() == ["# new", *ADD.splitlines()]


def test_a_refusal_says_why(answered: Callable[..., Neovim], project: Path) -> None:
    wrong = FIXED.replace("    return a + b", "    # ... existing code")
    neovim = answered(wrong)
    go_to_transcript(neovim, "    # ... existing code")
    neovim.press("ga")
    neovim.wait_for(lambda: "the block leaves code out" in neovim.messages(), "the refusal")
    go_to_code(neovim, project / "a.py")
    assert neovim.lines() == ADD.splitlines()


def test_a_block_is_copied_and_inserted(answered: Callable[..., Neovim], project: Path) -> None:
    neovim = answered(FIXED)
    go_to_transcript(neovim, "# Sotto")
    neovim.press("gy")
    assert "no code block under the cursor" in neovim.messages()
    go_to_transcript(neovim, "    return a + b")
    neovim.press("gy")
    assert neovim.lua("return vim.fn.getreg()") == "def add(a, b):\n    return a + b\n"
    neovim.press("gp")
    go_to_code(neovim, project / "a.py")
    assert neovim.lines()[:3] == ["def add(a, b):", "def add(a, b):", "    return a + b"]


def test_conversations_are_kept_opened_and_deleted(
    answered: Callable[..., Neovim], project: Path
) -> None:
    neovim = answered(FIXED, "<think>\nAh.\n</think>\nAnother.", "A third.")
    first = transcript(neovim)
    neovim.press("<Esc>:Sotto chat new<CR>")
    assert transcript(neovim) == [""]
    say(neovim, "Something else?")
    until_said(neovim, "Another.")
    second = until_answered(neovim)

    neovim.lua(SELECT, "Mend add.")
    neovim.command("Sotto chats")
    assert transcript(neovim) == first
    offered = neovim.lua("return _G.offered")
    assert [title.partition("  ")[2] for title in offered] == [
        "Something else? (1)",
        "Mend add. (1)",
    ]
    say(neovim, "Go on.")
    until_said(neovim, "A third.")
    until_answered(neovim)
    go_to_transcript(neovim, "    return a + b")
    neovim.press("ga")
    assert "+    return a + b" in diff_shown(neovim)
    neovim.press("q")

    neovim.lua(SELECT, "Something else?")
    neovim.command("Sotto chats")
    assert transcript(neovim) == second
    neovim.lua(SELECT_THEN_DELETE)
    neovim.command("Sotto chats delete")
    assert transcript(neovim) == [""], "the one that was shown is gone"
    kept = neovim.ask_server("sotto/conversations")
    assert [(row["title"], row["n_turns"]) for row in kept] == [("Mend add.", 2)]


SELECT_THEN_DELETE = """
vim.ui.select = function(items, options, choose)
  if items[1] == 'Delete' then return choose('Delete') end
  for _, item in ipairs(items) do
    if item.title == 'Something else?' then return choose(item) end
  end
end
"""


def test_it_goes_on_after_neovim_was_started_again(
    answered: Callable[..., Neovim], start_neovim: StartNeovim, project: Path, tmp_path: Path
) -> None:
    neovim = answered(FIXED, "Yes.")
    kept = transcript(neovim)
    neovim.close()
    home = tmp_path / "home0"
    again = start_neovim(before=f"vim.env.XDG_DATA_HOME = {str(home / 'data')!r}")
    serve_script(again, tmp_path, ["Yes."])
    again.edit(project / "a.py")
    again.lua(SELECT, "Mend add.")
    again.command("Sotto chats")
    assert transcript(again) == kept
