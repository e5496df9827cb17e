"""What the plugin does with answers: late, out of order, wrong, in other units, from others.

The server is scripted here, since a real one is late or wrong only by chance; Neovim is real.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.conftest import StartNeovim
from tests.support.nvim import Cursor, Ghost, Neovim

pytestmark = pytest.mark.editor

NEVER_MS = 3_600_000
"""As `debounce_ms`: nothing is asked by itself, only by the key for it."""


class Desk:
    """A Neovim whose server answers when told to."""

    def __init__(self, neovim: Neovim) -> None:
        self.neovim = neovim

    def ask(self) -> None:
        asked = self.n_asked()
        self.neovim.press("<M-Bslash>")
        self.neovim.wait_for(lambda: self.n_asked() == asked + 1, "a request")

    def n_asked(self) -> int:
        return int(self.neovim.lua("return #scripted.asked"))

    def insert(self, *texts: str, number: int = -1) -> None:
        self.neovim.lua("scripted.insert(...)", number, texts)

    def answer(self, error: object, result: object) -> None:
        self.neovim.lua("scripted.answer(-1, ...)", error, result)

    def text(self) -> str:
        ghost = self.neovim.ghost()
        return ghost.text if ghost else ""


@pytest.fixture
def desk(start_neovim: StartNeovim, tmp_path: Path) -> Desk:
    neovim = start_neovim(scripted=True, setup={"debounce_ms": NEVER_MS})
    return open_empty(neovim, tmp_path)


def open_empty(neovim: Neovim, folder: Path) -> Desk:
    neovim.edit(folder / "example.py", wait=False)
    neovim.wait_for(neovim.is_attached, "the server to attach")
    neovim.press("i")
    return Desk(neovim)


def test_a_late_answer_is_shortened_by_what_was_typed_meanwhile(desk: Desk) -> None:
    desk.neovim.type("ret")
    desk.ask()
    desk.neovim.type("ur")
    desk.insert("urn total")
    assert desk.neovim.ghost() == Ghost(0, 5, "n total")
    desk.neovim.press("<Tab>")
    assert desk.neovim.lines() == ["return total"]


@pytest.mark.parametrize(
    "keys", ["x", "<CR>", "<Left>", "<Esc>", "<Esc>o", "<BS>"], ids=lambda keys: keys.strip("<>")
)
def test_a_late_answer_that_no_longer_fits_is_dropped(desk: Desk, keys: str) -> None:
    desk.neovim.type("ret")
    desk.ask()
    desk.neovim.press(keys)
    desk.insert("urn total")
    assert desk.neovim.ghost() is None


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_only_the_answer_to_the_latest_request_counts(desk: Desk, order: tuple[int, int]) -> None:
    desk.neovim.type("ret")
    desk.ask()
    desk.ask()
    for number in order:
        desk.insert({1: "urn old", 2: "urn new"}[number], number=number)
    assert desk.text() == "urn new"


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (None, {"items": []}),
        (None, []),
        (None, None),
        ({"code": -32603, "message": "out of order"}, None),
    ],
    ids=["no items", "empty list", "null", "error"],
)
def test_an_answer_without_a_suggestion_clears_the_last_one(
    desk: Desk, error: object, result: object
) -> None:
    desk.neovim.type("ret")
    desk.ask()
    desk.insert("urn total")
    assert desk.text() == "urn total"
    desk.ask()
    desk.answer(error, result)
    assert desk.neovim.ghost() is None
    desk.neovim.press("<C-v><Tab>")
    assert desk.neovim.lines() == ["ret\t"]


def test_typing_another_candidate_shows_that_one(desk: Desk) -> None:
    desk.neovim.type("x = ")
    desk.ask()
    desk.insert("left()", "right()", "rightmost()")
    assert desk.text() == "left()"
    desk.neovim.type("right")
    assert desk.text() == "()"
    desk.neovim.press("<M-]>")
    assert desk.neovim.ghost() == Ghost(0, 9, "most()", "(2/2)")
    desk.neovim.press("<Tab>")
    assert desk.neovim.lines() == ["x = rightmost()"]


def test_accepting_after_typing_ahead_in_one_burst_doubles_nothing(desk: Desk) -> None:
    desk.neovim.type("prefix")
    desk.ask()
    desk.insert("_tail(1)\n    second()")
    desk.neovim.press("_t<Tab>")
    assert desk.neovim.lines() == ["prefix_tail(1)", "    second()"]
    assert desk.neovim.cursor() == Cursor(1, 12)


def test_accepting_after_diverging_in_one_burst_inserts_nothing(desk: Desk) -> None:
    desk.neovim.command("setlocal expandtab shiftwidth=4 softtabstop=4")
    desk.neovim.type("prefix")
    desk.ask()
    desk.insert("_tail(1)")
    desk.neovim.press("_x<Tab>")
    assert desk.neovim.lines() == ["prefix_x    "]


def test_a_suggestion_may_replace_what_stands_right_of_the_cursor(desk: Desk) -> None:
    desk.neovim.type("f()")
    desk.neovim.press("<Left>")
    desk.ask()
    here, end = {"line": 0, "character": 2}, {"line": 0, "character": 3}
    item = {"insertText": "a, b)", "range": {"start": here, "end": end}}
    desk.answer(None, {"items": [item]})
    desk.neovim.press("<M-w>")
    assert (desk.neovim.lines(), desk.text()) == (["f(a)"], ", b)")
    desk.neovim.press("<Tab>")
    assert (desk.neovim.lines(), desk.neovim.cursor()) == (["f(a, b)"], Cursor(0, 7))


def test_an_item_that_starts_left_of_the_cursor_shows_its_rest(desk: Desk) -> None:
    desk.neovim.type("return to")
    desk.ask()
    start, end = {"line": 0, "character": 7}, {"line": 0, "character": 9}
    desk.answer(None, {"items": [{"insertText": "total", "range": {"start": start, "end": end}}]})
    assert desk.neovim.ghost() == Ghost(0, 9, "tal")
    desk.neovim.press("<Tab>")
    assert desk.neovim.lines() == ["return total"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_positions_are_in_the_negotiated_units(
    start_neovim: StartNeovim, tmp_path: Path, encoding: str
) -> None:
    neovim = start_neovim(
        scripted=True,
        setup={"debounce_ms": NEVER_MS},
        before=f"scripted_encoding = '{encoding}'",
    )
    desk = open_empty(neovim, tmp_path)
    typed, rest = "é = '𝒳", " ∈ ℝ' + 'ü'"
    neovim.type(typed)
    desk.ask()
    position = neovim.lua("return scripted.asked[#scripted.asked].params.position")
    units = {"utf-8": len(typed.encode()), "utf-16": len(typed) + 1, "utf-32": len(typed)}
    assert position == {"line": 0, "character": units[encoding]}
    desk.insert(rest)
    assert neovim.ghost() == Ghost(0, len(typed.encode()), rest)
    neovim.press("<M-w>")
    assert neovim.lines() == ["é = '𝒳 ∈"]
    neovim.press("<Tab>")
    assert neovim.lines() == [typed + rest]


def test_a_mapping_of_the_built_in_accepts_too(desk: Desk) -> None:
    desk.neovim.lua("vim.keymap.set('i', '<C-y>', function() vim.lsp.inline_completion.get() end)")
    desk.neovim.type("prefix")
    desk.ask()
    desk.insert("_tail(1)\n    second()")
    desk.neovim.type("_t")
    desk.neovim.press("<C-y>")
    desk.neovim.wait_for(lambda: len(desk.neovim.lines()) == 2, "the built-in to insert")
    assert desk.neovim.lines() == ["prefix_tail(1)", "    second()"]
    assert desk.neovim.ghost() is None


def test_words_and_lines_are_taken_one_by_one(desk: Desk) -> None:
    desk.neovim.type("def ")
    desk.ask()
    desk.insert("add(größe, b):\n    return größe + b\n\n    # end")
    steps: list[list[str]] = []
    for key in ["<M-w>", "<M-w>", "<M-w>", "<M-l>", "<M-w>", "<M-l>", "<M-l>"]:
        desk.neovim.press(key)
        steps.append(desk.neovim.lines())
    assert steps == [
        ["def add"],
        ["def add("],
        ["def add(größe"],
        ["def add(größe, b):"],
        ["def add(größe, b):", "    return"],
        ["def add(größe, b):", "    return größe + b"],
        ["def add(größe, b):", "    return größe + b", "", "    # end"],
    ]
    assert desk.neovim.ghost() is None
    desk.neovim.press("<M-w><M-l>")
    assert (desk.neovim.mode(), desk.neovim.lines()) == ("i", steps[-1])


def test_each_acceptance_is_one_undo_step(desk: Desk) -> None:
    desk.neovim.type("def ")
    desk.ask()
    desk.insert("add(a, b):\n    return a + b")
    desk.neovim.press("<M-w><Tab>  # done<Esc>")
    seen: list[list[str]] = []
    for _ in range(4):
        seen.append(desk.neovim.lines())
        desk.neovim.press("u")
    assert seen == [
        ["def add(a, b):", "    return a + b  # done"],
        ["def add(a, b):", "    return a + b"],
        ["def add"],
        ["def "],
    ]
    assert desk.neovim.lines() == [""]


def test_line_ends_of_the_server_do_not_reach_the_buffer(desk: Desk) -> None:
    desk.neovim.type("a")
    desk.ask()
    desk.insert("b\r\nc\rd\ne")
    assert desk.text() == "b\nc\nd\ne"
    desk.neovim.press("<Tab>")
    assert desk.neovim.lines() == ["ab", "c", "d", "e"]


def test_a_command_is_executed_once_all_was_accepted(desk: Desk) -> None:
    desk.neovim.lua("vim.lsp.commands['sotto.test'] = function(c) _G.executed = c.arguments end")
    desk.neovim.type("a")
    desk.ask()
    command = {"title": "accepted", "command": "sotto.test", "arguments": [7]}
    desk.answer(None, {"items": [{"insertText": "b c", "command": command}]})
    desk.neovim.press("<M-w>")
    assert desk.neovim.lua("return _G.executed") is None
    desk.neovim.press("<M-w>")
    assert desk.neovim.lua("return _G.executed") == [7]


def test_dismissed_stays_dismissed(desk: Desk) -> None:
    desk.neovim.type("ret")
    desk.ask()
    desk.insert("urn total")
    desk.ask()
    desk.neovim.press("<C-]>")
    assert desk.neovim.ghost() is None
    desk.insert("urn late")
    assert desk.neovim.ghost() is None


def test_it_asks_soon_and_once(start_neovim: StartNeovim, tmp_path: Path) -> None:
    neovim = start_neovim(scripted=True)
    desk = open_empty(neovim, tmp_path)
    neovim.wait_for(lambda: desk.n_asked() == 1, "the request on entering Insert mode")
    neovim.press("return")
    neovim.wait_for(lambda: desk.n_asked() == 2, "the request after typing")
    # The built-in's own request for the same place would come 200 ms after the last key.
    assert not neovim.lua("return vim.wait(400, function() return #scripted.asked > 2 end)")
    kinds = neovim.lua(
        "return vim.iter(scripted.asked):map(function(a) return a.params.context end):totable()"
    )
    assert kinds == [{"triggerKind": 2}, {"triggerKind": 2}]


def test_in_a_neovim_it_does_not_know_the_built_in_is_left_to_itself(
    start_neovim: StartNeovim, tmp_path: Path
) -> None:
    neovim = start_neovim(scripted=True)
    neovim.lua("require('sotto.builtin').check = function() return 'all is different' end")
    desk = open_empty(neovim, tmp_path)
    assert "Sotto does not know this Neovim: all is different" in neovim.messages()
    neovim.type("ret")
    neovim.wait_for(lambda: desk.n_asked() == 1, "the built-in's request")
    desk.insert("urn total")
    assert desk.text() == "urn total"
    neovim.command("setlocal noexpandtab")
    neovim.press("<Tab>")
    assert neovim.lines() == ["ret\t"], "Sotto's keys know nothing of it"
    neovim.command("checkhealth sotto")
    assert "all is different" in "\n".join(neovim.lines())


def test_another_server_keeps_its_suggestions(start_neovim: StartNeovim, tmp_path: Path) -> None:
    neovim = start_neovim(scripted=True, setup={"debounce_ms": NEVER_MS})
    desk = open_empty(neovim, tmp_path)
    neovim.lua("vim.lsp.config('other', { cmd = scripted.cmd }); vim.lsp.enable('other')")
    neovim.wait_for(lambda: neovim.lua("return #vim.lsp.get_clients({ bufnr = 0 }) == 2"), "it")
    neovim.lua(
        "local client = vim.lsp.get_clients({ name = 'other' })[1]\n"
        "vim.lsp.inline_completion.enable(true, { client_id = client.id, bufnr = 0 })"
    )
    neovim.type("ret")
    neovim.wait_for(lambda: desk.n_asked() == 1, "the other's request, by the built-in's timer")
    desk.insert("urn other")
    assert desk.text() == "urn other"
    neovim.command("setlocal noexpandtab")
    neovim.press("<Tab>")
    assert neovim.lines() == ["ret\t"], "Sotto's key accepts what is not Sotto's"
    neovim.press("<BS>")
    neovim.lua("vim.lsp.enable('sotto', false)")
    neovim.wait_for(lambda: neovim.lua("return #vim.lsp.get_clients() == 1"), "Sotto to leave")
    neovim.type("u")
    neovim.wait_for(lambda: desk.n_asked() >= 2, "the other's next request")
    desk.insert("rn other")
    assert desk.text() == "rn other"
    assert "Error" not in neovim.messages()
