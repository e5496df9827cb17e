"""Ghost text of the built-in model in a real Neovim: seen, typed through, accepted, taken back.

What the model says is not fixed here; what is seen decides what accepting it must do.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.nvim import Cursor, Ghost, Neovim
from tests.support.places import (
    WORD,
    assert_in_step,
    several_lines,
    several_words,
    spliced,
    suggested,
)

pytestmark = pytest.mark.editor


def test_typing_brings_ghost_text(neovim: Neovim, tmp_path: Path) -> None:
    ghost = suggested(neovim, tmp_path)
    before = neovim.lines()
    record = neovim.records()[-1]
    assert (record["outcome"], record["source"]) == ("shown", "model")
    assert record["n_decoded_tokens"] > 0
    neovim.press("<Esc>")
    assert neovim.ghost() is None
    assert neovim.lines() == before, f"{ghost} was only shown"


def test_accepting_inserts_what_was_shown(neovim: Neovim, tmp_path: Path) -> None:
    ghost = suggested(neovim, tmp_path, several_words)
    before, cursor = neovim.lines(), neovim.cursor()
    neovim.press("<Tab>")
    assert neovim.lines() == spliced(before, cursor, ghost.text)
    assert neovim.cursor() == Cursor(cursor.row, cursor.col + len(ghost.text.encode()))
    assert neovim.mode() == "i"
    neovim.settle()
    assert_in_step(neovim)


def test_accepting_several_lines(neovim: Neovim, tmp_path: Path) -> None:
    ghost = suggested(neovim, tmp_path, several_lines)
    before, cursor = neovim.lines(), neovim.cursor()
    neovim.press("<Tab>")
    assert neovim.lines() == spliced(before, cursor, ghost.text)
    rows = ghost.text.split("\n")
    assert neovim.cursor() == Cursor(cursor.row + len(rows) - 1, len(rows[-1].encode()))
    neovim.settle()
    assert_in_step(neovim)


def test_accepting_word_by_word(neovim: Neovim, tmp_path: Path) -> None:
    ghost = suggested(neovim, tmp_path, several_words)
    before, cursor = neovim.lines(), neovim.cursor()
    words = WORD.findall(ghost.text)
    for count in range(1, len(words)):
        neovim.press("<M-w>")
        taken = "".join(words[:count])
        assert neovim.lines() == spliced(before, cursor, taken)
        rest = neovim.ghost()
        assert rest is not None
        assert taken + rest.text == ghost.text, "the rest stays visible at once"
        record = neovim.settle()
        assert record["source"] in ("type-through", "cache"), "no model runs for the rest"
        assert neovim.ghost() == rest
    neovim.press("<M-w>")
    assert neovim.lines() == spliced(before, cursor, ghost.text)


def test_accepting_line_by_line(neovim: Neovim, tmp_path: Path) -> None:
    ghost = suggested(neovim, tmp_path, several_lines)
    before, cursor = neovim.lines(), neovim.cursor()
    first, _, rest = ghost.text.partition("\n")
    neovim.press("<M-l>")
    assert neovim.lines() == spliced(before, cursor, first)
    left = neovim.ghost()
    assert left is not None
    assert left.text == "\n" + rest
    while neovim.ghost():
        neovim.press("<M-l>")
    assert neovim.lines() == spliced(before, cursor, ghost.text)


def test_typing_what_is_shown_shortens_it_without_the_model(neovim: Neovim, tmp_path: Path) -> None:
    ghost = suggested(neovim, tmp_path, several_words)
    for count, character in enumerate(ghost.text[:-1], start=1):
        neovim.type(character)
        rest = neovim.ghost()
        assert rest is not None
        assert rest.text == ghost.text[count:]
        assert neovim.settle()["source"] == "type-through"
    assert neovim.expect_ghost().text == ghost.text[-1]


def test_a_key_that_differs_hides_it(neovim: Neovim, tmp_path: Path) -> None:
    suggested(neovim, tmp_path, several_words)
    neovim.press("Q")
    assert neovim.ghost() is None


def test_deleting_back_brings_it_back(neovim: Neovim, tmp_path: Path) -> None:
    ghost = suggested(neovim, tmp_path, several_words)
    neovim.press("Q<BS>")
    assert neovim.expect_ghost() == ghost


def test_typing_ahead_and_accepting_in_one_burst(neovim: Neovim, tmp_path: Path) -> None:
    ghost = suggested(neovim, tmp_path, several_words)
    before, cursor = neovim.lines(), neovim.cursor()
    neovim.press(ghost.text[:3].replace("<", "<lt>") + "<Tab>")
    assert neovim.lines() == spliced(before, cursor, ghost.text)


def test_undo_takes_back_what_was_accepted_and_redo_gives_it(
    neovim: Neovim, tmp_path: Path
) -> None:
    ghost = suggested(neovim, tmp_path, several_lines)
    before, cursor = neovim.lines(), neovim.cursor()
    neovim.press("<Tab><Esc>u")
    assert neovim.lines() == before
    neovim.press("<C-r>")
    assert neovim.lines() == spliced(before, cursor, ghost.text)
    neovim.press("u")
    neovim.ask_server("sotto/status")
    assert_in_step(neovim)


def test_dismissing_hides_it_until_something_changes(neovim: Neovim, tmp_path: Path) -> None:
    ghost = suggested(neovim, tmp_path, several_words)
    neovim.press("<C-]>")
    assert neovim.ghost() is None
    neovim.type(ghost.text[0])
    assert neovim.expect_ghost().text == ghost.text[1:]


def test_cycling_asks_for_more_and_shows_each(neovim: Neovim, tmp_path: Path) -> None:
    first = suggested(neovim, tmp_path, several_words)
    neovim.press("<M-]>")
    shown = [neovim.wait_for(lambda: hinted(neovim), "a second candidate")]
    count = int(shown[0].hint.strip("()").partition("/")[2])
    for _ in range(count - 1):
        neovim.press("<M-]>")
        shown.append(neovim.wait_for(lambda: hinted(neovim), "the next candidate"))
    assert [ghost.hint for ghost in shown] == [
        f"({index % count + 1}/{count})" for index in range(1, count + 1)
    ]
    assert shown[-1].text == first.text
    assert len({ghost.text for ghost in shown}) == count
    neovim.press("<M-[>")
    before, cursor = neovim.lines(), neovim.cursor()
    chosen = neovim.wait_for(lambda: hinted(neovim), "the candidate before")
    assert chosen == shown[-2]
    neovim.press("<Tab>")
    assert neovim.lines() == spliced(before, cursor, chosen.text)


def hinted(neovim: Neovim) -> Ghost | None:
    ghost = neovim.ghost()
    return ghost if ghost and ghost.hint else None


def test_asking_by_key_is_an_invoked_request(neovim: Neovim, tmp_path: Path) -> None:
    suggested(neovim, tmp_path, several_words)
    n_before = len(neovim.records())
    neovim.press("<C-]><M-Bslash>")
    neovim.wait_for(lambda: len(neovim.records()) > n_before, "the request")
    # Several candidates cost several generations: only an invoked request asks for them.
    assert neovim.records()[-1]["source"] == "model"
    neovim.wait_for(neovim.ghost, "the suggestion")
