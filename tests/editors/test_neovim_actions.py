"""Code actions in Neovim: chosen, applied, undone, cancelled; by the built-in model if it can."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.editors.conftest import StartNeovim
from tests.support.action_cases import (
    CASES,
    CIRCLE,
    CUSTOM,
    HOSTILE,
    SIMPLE,
    SIMPLER,
    Case,
    fenced,
)
from tests.support.nvim import Neovim
from tests.support.nvim_chat import serve_script
from tests.support.places import assert_in_step

pytestmark = pytest.mark.editor

CHOOSE = """
local title = ...
vim.lsp.buf.code_action({
  apply = true,
  filter = function(action) return action.title:find(title, 1, true) ~= nil end,
})
"""


def open_at(neovim: Neovim, path: Path, text: str, line: int) -> None:
    """Open a file with the cursor at the end of a 1-based line, in Normal mode."""
    path.write_bytes(text.encode())
    neovim.edit(path)
    neovim.lua("vim.api.nvim_win_set_cursor(0, ...)", [line, 0])
    neovim.press("$")


def until_changed(neovim: Neovim, before: list[str]) -> list[str]:
    return neovim.wait_for(
        lambda: lines if (lines := neovim.lines()) != before else None, "the action's edit"
    )


def method(lines: list[str], name: str) -> ast.FunctionDef:
    """A method of the class, out of code that must parse."""
    found = [
        node
        for node in ast.walk(ast.parse("\n".join(lines)))
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    return found[0]


def undone(neovim: Neovim, before: list[str]) -> bool:
    """Whether one undo brings back what was there."""
    neovim.press("u")
    return neovim.lines() == before


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_a_docstring_by_the_built_in_model(neovim: Neovim, tmp_path: Path, eol: str) -> None:
    neovim.command(f"set fileformats={'dos' if eol != chr(10) else 'unix'},unix,dos")
    open_at(neovim, tmp_path / "circle.py", CIRCLE.replace("\n", eol), 18)
    before = neovim.lines()
    neovim.lua(CHOOSE, "Write docstring for `perimeter`")
    after = until_changed(neovim, before)
    assert ast.get_docstring(method(after, "perimeter"))
    n_added = len(after) - len(before)
    assert after[:17] + after[17 + n_added :] == before
    assert_in_step(neovim)
    assert undone(neovim, before)
    assert_in_step(neovim)
    neovim.command("set fileformats&")


def test_a_body_by_the_built_in_model(neovim: Neovim, tmp_path: Path) -> None:
    open_at(neovim, tmp_path / "circle.py", CIRCLE, 22)
    before = neovim.lines()
    neovim.lua(CHOOSE, "Complete the body of `scale`")
    after = until_changed(neovim, before)
    assert after[:21] == before[:21]
    body = method(after, "scale").body[1:]
    assert body
    assert not any(isinstance(statement, ast.Pass) for statement in body)
    assert_in_step(neovim)
    assert undone(neovim, before)


def test_what_the_built_in_model_cannot_is_shown_as_disabled(
    neovim: Neovim, tmp_path: Path
) -> None:
    open_at(neovim, tmp_path / "circle.py", CIRCLE, 18)
    neovim.lua(CHOOSE, "Simplify `perimeter`")
    said = neovim.wait_for(
        lambda: neovim.messages() if "takes no instructions" in neovim.messages() else None,
        "the reason",
    )
    assert "name its file in `model.path`" in said
    assert neovim.lines() == CIRCLE.splitlines()


def test_extract_variable_needs_no_model(neovim: Neovim, tmp_path: Path) -> None:
    open_at(neovim, tmp_path / "circle.py", CIRCLE, 18)
    before = neovim.lines()
    neovim.press("^wv$h")  # `2 * math.pi * self.radius`, selected in Visual mode
    neovim.lua(CHOOSE, "Extract variable")
    after = until_changed(neovim, before)
    assert after[17:19] == [
        "        value = 2 * math.pi * self.radius",
        "        return value",
    ]
    neovim.press("<Esc>")
    assert undone(neovim, before)


@pytest.fixture
def scripted(start_neovim: StartNeovim, tmp_path: Path) -> Callable[..., Neovim]:
    """Starts a Neovim whose server's model gives the answers in turn."""

    def start(*answers: str) -> Neovim:
        neovim = start_neovim(setup={"settings": {"actions": {"custom": [CUSTOM]}}})
        serve_script(neovim, tmp_path, answers)
        return neovim

    return start


def test_a_rewrite_is_applied_and_undone_in_one_step(
    scripted: Callable[..., Neovim], tmp_path: Path
) -> None:
    neovim = scripted(fenced(SIMPLER))
    open_at(neovim, tmp_path / "a.py", SIMPLE, 3)
    before = neovim.lines()
    neovim.lua(CHOOSE, "Simplify `positive`")
    after = until_changed(neovim, before)
    assert after == SIMPLER.splitlines()
    assert_in_step(neovim)
    assert undone(neovim, before)
    neovim.press("<C-r>")
    assert neovim.lines() == after
    assert_in_step(neovim)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_action_is_applied_and_undone(
    scripted: Callable[..., Neovim], tmp_path: Path, case: Case
) -> None:
    neovim = scripted(case.answer or "Not asked.")
    neovim.lua("vim.fn.confirm = function() return 1 end")
    open_at(neovim, tmp_path / "a.py", case.before, case.line)
    neovim.lua("vim.api.nvim_win_set_cursor(0, ...)", [case.line, case.column - 1])
    neovim.press("V" + "j" * (case.n_lines - 1) if case.n_lines else "")
    before = neovim.lines()
    neovim.lua(CHOOSE, case.title)
    assert until_changed(neovim, before) == case.after.splitlines()
    assert_in_step(neovim)
    neovim.press("<Esc>")
    assert undone(neovim, before)


def test_a_guess_is_made_only_if_one_agrees(
    scripted: Callable[..., Neovim], tmp_path: Path
) -> None:
    case = CASES["a guess"]
    neovim = scripted(case.answer)
    neovim.lua("vim.fn.confirm = function(asked) _G.asked = asked; return 2 end")
    open_at(neovim, tmp_path / "a.py", case.before, case.line)
    neovim.lua(CHOOSE, case.title)
    asked = neovim.wait_for(lambda: neovim.lua("return _G.asked"), "the question")
    assert asked == "Apply all changes?\nSimplify `positive`"
    assert neovim.lines() == case.before.splitlines()


def test_an_instruction_is_asked_for(scripted: Callable[..., Neovim], tmp_path: Path) -> None:
    neovim = scripted(fenced(SIMPLER))
    open_at(neovim, tmp_path / "a.py", SIMPLE, 3)
    before = neovim.lines()
    neovim.lua("vim.ui.input = function(o, f) _G.asked = o.prompt; f('one line') end")
    neovim.lua(CHOOSE, "Rewrite by instruction…")
    assert until_changed(neovim, before)[-1] == "    return x > 0"
    assert neovim.lua("return _G.asked") == "Rewrite: "


def test_it_is_cancelled_in_mid_stream(scripted: Callable[..., Neovim], tmp_path: Path) -> None:
    neovim = scripted("```python\ndef positive(x):\n    # Or …", fenced(SIMPLER))
    open_at(neovim, tmp_path / "a.py", SIMPLE, 3)
    before = neovim.lines()
    neovim.lua(CHOOSE, "Simplify `positive`")
    neovim.wait_for(lambda: "3 lines" in neovim.lua("return vim.lsp.status()") or None, "progress")
    neovim.command("Sotto cancel")
    pending = "return vim.tbl_count(vim.lsp.get_clients({ name = 'sotto' })[1].requests)"
    neovim.wait_for(lambda: neovim.lua(pending) == 0 or None, "the answer")
    assert neovim.messages().strip() == "", "whoever cancels needs no message"
    assert neovim.lines() == before
    neovim.command("Sotto cancel")
    assert "no code action runs" in neovim.messages()
    # The next one is not held up by it.
    neovim.lua(CHOOSE, "Simplify `positive`")
    assert until_changed(neovim, before)[-1] == "    return x > 0"


def test_hostile_answers_are_refused_and_change_nothing(
    scripted: Callable[..., Neovim], tmp_path: Path
) -> None:
    neovim = scripted(*(answer for answer in HOSTILE.values() for _ in range(2)))
    for number, name in enumerate(HOSTILE):
        open_at(neovim, tmp_path / f"a{number}.py", SIMPLE, 3)
        neovim.command("messages clear")
        neovim.lua(CHOOSE, "Simplify `positive`")
        neovim.wait_for(
            lambda: "twice over; nothing was changed" in neovim.messages() or None, name
        )
        assert neovim.lines() == SIMPLE.splitlines(), name
        assert_in_step(neovim)
    files = {path.name for path in tmp_path.iterdir() if path.suffix == ".py"}
    assert files == {f"a{number}.py" for number in range(len(HOSTILE))}


def test_an_explanation_opens_beside_the_code(
    scripted: Callable[..., Neovim], tmp_path: Path
) -> None:
    neovim = scripted("It says whether `x` is **positive**.")
    open_at(neovim, tmp_path / "a.py", SIMPLE, 3)
    neovim.lua(CHOOSE, "Explain `positive`")
    neovim.wait_for(
        lambda: (
            neovim.lines()[:3]
            == ["# Explain `positive`", "", "It says whether `x` is **positive**."]
            or None
        ),
        "the explanation",
    )
