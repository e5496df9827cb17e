"""`:Sotto` in Neovim: each part does what it says; the status line; the README to the letter."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.editors.conftest import StartNeovim
from tests.support.nvim import Neovim
from tests.support.nvim_chat import serve_script, until_answered, until_said
from tests.support.nvim_process import PLUGIN, ROOT, Home, NeovimProcess, sotto_command
from tests.support.places import several_words, suggested
from tests.support.tiny_chat import write_chat_model

pytestmark = pytest.mark.editor

SHOW_ALL = {"settings": {"inlineCompletion": {"minConfidence": 0}}}
POSITIVE = "def positive(x):\n    if x > 0:\n        return True\n    return False\n"
SIMPLER = "```python\ndef positive(x):\n    return x > 0\n```"


@pytest.fixture
def scripted(start_neovim: StartNeovim, tmp_path: Path) -> Callable[..., Neovim]:
    """Starts a Neovim on `a.py`, whose server's model gives the answers in turn."""

    def start(*answers: str) -> Neovim:
        neovim = start_neovim()
        serve_script(neovim, tmp_path, answers)
        (tmp_path / ".git").mkdir()
        (tmp_path / "a.py").write_text(POSITIVE)
        neovim.edit(tmp_path / "a.py")
        return neovim

    return start


def test_ask_answers_beside_the_code(scripted: Callable[..., Neovim]) -> None:
    neovim = scripted("Yes.")
    neovim.press(":1,2Sotto ask Is it right? Sure?<CR>")
    until_said(neovim, "Yes.")
    assert until_answered(neovim)[2:7:4] == [
        "Is it right? Sure?",
        "*Attached: a.py, lines 1 to 2*",
    ]
    assert neovim.lines() == POSITIVE.splitlines(), "the cursor stays in the code"
    assert neovim.mode() == "n"
    neovim.lua("vim.ui.input = function(_, f) f('Really?') end")
    neovim.command("Sotto ask")
    until_said(neovim, "Really?")


def test_explain_opens_an_explanation(scripted: Callable[..., Neovim]) -> None:
    neovim = scripted("It is **positive**.")
    neovim.press(":3Sotto explain<CR>")
    neovim.wait_for(lambda: neovim.lines()[0].startswith("# Explain"), "the explanation")
    assert neovim.lines()[2] == "It is **positive**."


def test_what_the_model_cannot_do_is_said(start_neovim: StartNeovim, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(POSITIVE)
    neovim = start_neovim()
    neovim.edit(tmp_path / "a.py")
    neovim.command("Sotto explain")
    neovim.wait_for(lambda: "takes no instructions" in neovim.messages(), "the reason")


def test_fix_takes_what_any_linter_said(scripted: Callable[..., Neovim]) -> None:
    neovim = scripted(SIMPLER)
    neovim.command("Sotto fix")
    assert "no server and no linter has found anything wrong here" in neovim.messages()
    neovim.lua(
        "vim.diagnostic.set(vim.api.nvim_create_namespace('linter'), 0, {{ lnum = 1, col = 4, "
        "end_lnum = 1, end_col = 6, message = 'return the condition', source = 'linter' }})"
    )
    neovim.press("2G")
    neovim.command("Sotto fix")
    neovim.wait_for(lambda: neovim.lines() == SIMPLER.splitlines()[1:-1], "the fix")
    neovim.press("u")
    assert neovim.lines() == POSITIVE.splitlines()


def test_a_model_is_chosen_for_the_session(start_neovim: StartNeovim, tmp_path: Path) -> None:
    models = tmp_path / "home0" / "models" / "some"
    models.mkdir(parents=True)
    model = write_chat_model(models / "tiny-chat.gguf")
    shutil.copy(model, models / "mmproj-tiny.gguf")
    neovim = start_neovim(setup=SHOW_ALL)
    neovim.command("cd ~")  # below which names of files are shortened
    neovim.edit(tmp_path / "a.py")
    builtin = status_line(neovim)
    neovim.lua(
        "vim.ui.select = function(items, options, choose)\n"
        "  _G.offered = vim.tbl_map(options.format_item, items)\n"
        "  choose(items[_G.wanted])\n"
        "end\n_G.wanted = 2"
    )
    neovim.command("Sotto model")
    offered = neovim.lua("return _G.offered")
    assert offered == [
        "the built-in model",
        "~/models/some/tiny-chat.gguf",
        "another file …",
    ]
    neovim.wait_for(lambda: status_line(neovim) == "sotto: tiny-chat", "the chosen model")
    neovim.lua("_G.wanted = 1")
    neovim.command("Sotto model")
    neovim.wait_for(lambda: status_line(neovim) == builtin, "the built-in model")
    neovim.command("Sotto model /no/such.gguf")
    assert "there is no file /no/such.gguf" in neovim.messages()


def test_pauses(start_neovim: StartNeovim, tmp_path: Path) -> None:
    neovim = start_neovim(setup=SHOW_ALL)
    ghost = suggested(neovim, tmp_path, several_words)
    for scope, reason in [("language", "language-disabled"), ("everywhere", "disabled")]:
        neovim.command(f"Sotto pause {scope}")
        assert neovim.ghost() is None
        assert f"paused ({scope})" in status_line(neovim)
        neovim.wait_for(lambda: asked_again(neovim) == reason or None, "the pause")  # noqa: B023
        neovim.command(f"Sotto pause {scope}")
        neovim.wait_for(lambda: asked_again(neovim) is None, "it to go on")
        assert neovim.expect_ghost().text == ghost.text
    neovim.command("Sotto pause")
    assert "Suggestions are paused in this buffer." in neovim.messages()
    n_records = len(neovim.records())
    neovim.press("x<BS>")
    neovim.command("Sotto why")
    assert "`:Sotto pause buffer` goes on" in neovim.messages()
    assert neovim.ghost() is None
    neovim.press(r"<M-\>")
    assert neovim.expect_ghost(), "asked for by key it comes all the same"
    assert len(neovim.records()) == n_records + 1
    neovim.command("Sotto pause buffer")
    neovim.press("x<BS>")
    assert neovim.expect_ghost().text == ghost.text


def asked_again(neovim: Neovim) -> str | None:
    neovim.press("x<BS>")
    return neovim.settle()["reason"]


def status_line(neovim: Neovim) -> str:
    return str(neovim.lua("return require('sotto').statusline()"))


def test_the_status_line_says_model_and_time(start_neovim: StartNeovim, tmp_path: Path) -> None:
    neovim = start_neovim(setup=SHOW_ALL)
    assert status_line(neovim) == ""
    suggested(neovim, tmp_path)
    assert re.fullmatch(r"sotto: \S+ \d+ ms", status_line(neovim)), status_line(neovim)
    neovim.press("<Esc>:enew<CR>")
    assert status_line(neovim) == ""


def test_names_are_completed(neovim: Neovim) -> None:
    def completed(line: str) -> list[str]:
        return list(neovim.lua("return vim.fn.getcompletion(..., 'cmdline')", line))

    assert completed("Sotto ch") == ["chat", "chats"]
    assert completed("Sotto chat ") == ["new", "tools"]
    assert completed("Sotto pause l") == ["language"]
    assert completed("'<,'>Sotto ex") == ["explain"]
    assert completed("Sotto why ") == []


def test_what_is_unknown_is_said(neovim: Neovim) -> None:
    neovim.command("Sotto frobnicate")
    assert "there is accept, accept_line" in neovim.messages()
    neovim.command("Sotto pause forever")
    assert 'what is "forever"? it takes buffer, language, everywhere' in neovim.messages()


def test_the_log_is_opened(neovim: Neovim, tmp_path: Path) -> None:
    neovim.edit(tmp_path / "a.py")
    neovim.command("Sotto log")
    assert neovim.lua("return vim.fn.expand('%:t')") == "lsp.log"


def test_a_missing_server_is_said_once_and_what_to_do(
    start_neovim: StartNeovim, tmp_path: Path
) -> None:
    neovim = start_neovim()
    neovim.lua("vim.lsp.config('sotto', { cmd = { 'no-sotto', 'serve' } })")
    neovim.edit(tmp_path / "a.py", wait=False)
    neovim.edit(tmp_path / "b.py", wait=False)
    said = neovim.wait_for(neovim.messages, "the message")
    assert said.count("the program `no-sotto` is not found") == 1
    assert "`make setup` in a clone of Sotto" in said
    for part in ["why", "explain", "fix"]:
        neovim.command("messages clear")
        neovim.command(f"Sotto {part}")
        assert "the program `no-sotto` is not found" in neovim.messages()
    neovim.command("Sotto ask Anything?")
    assert neovim.messages().count("is not found") == 2
    neovim.lua("vim.lsp.config('sotto', { cmd = ... })", sotto_command())
    neovim.command("Sotto restart")
    neovim.wait_until_ready()


def test_a_home_folder_that_neovim_does_not_expand(
    start_neovim: StartNeovim, tmp_path: Path
) -> None:
    neovim = start_neovim()
    neovim.lua("vim.lsp.config('sotto', { cmd = { '~/bin/sotto', 'serve' } })")
    neovim.edit(tmp_path / "a.py", wait=False)
    said = neovim.wait_for(neovim.messages, "the message")
    assert "write `vim.fs.normalize('~/bin/sotto')` in `cmd`" in said


def test_why_a_buffer_without_a_filetype_has_nothing(neovim: Neovim) -> None:
    neovim.command("enew")
    neovim.command("Sotto why")
    assert "this buffer has no filetype" in neovim.messages()


def test_why_mixed_line_ends_bring_nothing(neovim: Neovim, tmp_path: Path) -> None:
    (tmp_path / "mixed.py").write_bytes(b"import os\r\nimport sys\nx = 1\r\n")
    neovim.edit(tmp_path / "mixed.py")
    neovim.press("Goimport ")
    neovim.settle()
    neovim.press("<Esc>")
    neovim.command("Sotto why")
    assert "out-of-step" in neovim.messages()
    assert "make them alike" in neovim.messages()


def test_nothing_is_loaded_before_a_server_attaches(
    start_neovim: StartNeovim, tmp_path: Path
) -> None:
    neovim = start_neovim(before="")
    loaded = (
        "return vim.tbl_filter(function(name) return vim.startswith(name, 'sotto') end, "
        "vim.tbl_keys(package.loaded))"
    )
    assert neovim.lua(loaded) == []
    assert status_line(neovim) == ""
    assert neovim.lua(loaded) == ["sotto"]


README_CODE = re.compile(r"^    -- init.lua\n(?:    .*\n)+", re.MULTILINE)


@pytest.mark.parametrize("readme", [PLUGIN / "README.md", ROOT / "README.md"])
def test_the_readme_to_the_letter(readme: Path, neovim_program: Path, tmp_path: Path) -> None:
    """Its lines as they stand, with the checkout where they say it is."""
    found = README_CODE.search(readme.read_text())
    assert found
    lines = [line[4:] for line in found[0].splitlines()[1:]]
    needed = next((n for n, line in enumerate(lines) if "optional" in line), len(lines))
    assert needed + len(["open a file", "enter Insert mode and type"]) <= 6
    home = Home(tmp_path / "home")
    checkout = home.folder / "src" / "sotto"
    checkout.mkdir(parents=True)
    (checkout / "editors").symlink_to(PLUGIN.parent)
    (checkout / ".venv").symlink_to(Path(sotto_command()[0]).parent.parent)
    init = "\n".join(lines).replace("/path/to/sotto", str(checkout))
    (home.folder / "init.lua").write_text(init)
    process = NeovimProcess(neovim_program, home)
    neovim = Neovim(process.socket, process)
    try:
        assert neovim.messages() == ""
        ghost = suggested(neovim, tmp_path, lambda ghost: ghost)
        before = neovim.lines()
        neovim.press("<Tab>")
        assert neovim.lines() != before
        assert ghost.text.splitlines()[-1] in "\n".join(neovim.lines())
    finally:
        neovim.close()
