"""The recipe for Emacs in `docs/editors.md`, in a real Emacs with the built-in model."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.clients import as_read, initialize_params
from tests.support.emacs import Emacs
from tests.support.helix import shown_label
from tests.support.places import PLACES, Place
from tests.support.tmux import find_program

pytestmark = pytest.mark.editor

UNDOCUMENTED = "def perimeter(radius):\n    ‸return 2 * 3.14 * radius\n"


@pytest.fixture(scope="module")
def emacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emacs]:
    emacs = Emacs(find_program("emacs"), tmp_path_factory.mktemp("emacs"))
    yield emacs
    emacs.close()


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[tuple[Emacs, Path]]:
    """An Emacs whose server's model says in turn what is written into the file."""
    answers = tmp_path / "answers.json"
    answers.write_text('["No."]')
    server = [sys.executable, "-m", "tests.support.scripted_serve", str(answers)]
    emacs = Emacs(find_program("emacs"), tmp_path / "emacs", server)
    yield emacs, answers
    emacs.close()


def test_it_says_of_itself_what_was_recorded(emacs: Emacs) -> None:
    emacs.open("first.py", Place("py", "import os‸\n"))
    said = next(m["params"] for _, m in emacs.messages() if m.get("method") == "initialize")
    assert as_read(said) == as_read(initialize_params("emacs"))


def is_multi_line(text: str) -> bool:
    return "\n" in text.strip()


def is_one_line(text: str) -> bool:
    return "\n" not in text


@pytest.mark.parametrize("kind", [is_one_line, is_multi_line])
def test_accepting_makes_the_text_the_server_promised(
    emacs: Emacs, kind: Callable[[str], bool]
) -> None:
    for number, place in enumerate(PLACES):
        if place.extension != "py":
            continue
        path = emacs.open(f"{kind.__name__}{number}.py", place)
        item = emacs.complete()
        if item and kind(item["textEdit"]["newText"]):
            assert emacs.save(path) == emacs.after(place, item)
            return
    raise AssertionError("no place brought such a suggestion")


def test_characters_outside_the_basic_plane(emacs: Emacs) -> None:
    place = Place("py", "import logging\n\nname = '😀𝒳é'; logger = logging.ge‸\n")
    path = emacs.open("astral.py", place)
    item = emacs.complete()
    assert item, "nothing was suggested"
    assert emacs.save(path) == emacs.after(place, item)


def test_accepting_from_the_list(emacs: Emacs) -> None:
    place = Place("py", "import logging\n\nlogger = logging.‸\n")
    path = emacs.open("listed.py", place)
    emacs.command("completion-help-at-point")
    emacs.wait_for_text("*Completions*")
    item = emacs.exchanges("textDocument/completion")[-1].result["items"][0]
    emacs.wait_for_text(shown_label(item))
    emacs.press("M-Down", "M-Enter")
    emacs.wait_until_changed()
    assert emacs.save(path) == emacs.after(place, item)


def act(emacs: Emacs, title: str) -> None:
    """Choose a code action."""
    emacs.command("eglot-code-actions")
    emacs.wait_for_text("[eglot] Pick an action")
    emacs.terminal.type(title)
    emacs.press("Enter")


def test_a_docstring_and_its_undo(emacs: Emacs) -> None:
    place = Place("py", UNDOCUMENTED)
    path = emacs.open("docstring.py", place)
    act(emacs, "Write docstring for `perimeter`")
    emacs.wait_until_changed()
    (function,) = ast.parse(emacs.save(path)).body
    assert isinstance(function, ast.FunctionDef)
    assert ast.get_docstring(function)
    emacs.press("C-/")
    assert emacs.save(path) == place.before + place.after


# Without a region Eglot asks about the expression at point; in the indentation there is none.
POSITIVE = Place("py", "def positive(x):\n‸    if x > 0:\n        return True\n    return False\n")
SIMPLER = "def positive(x):\n    return x > 0\n"


def test_an_answer_is_checked_applied_and_undone(scripted: tuple[Emacs, Path]) -> None:
    emacs, answers = scripted
    before = POSITIVE.before + POSITIVE.after
    path = emacs.open("positive.py", POSITIVE)
    act(emacs, "Simplify `positive`")  # the model says "No." to that, twice
    # The server's message comes first; then the error, with which Emacs throws away typed keys.
    emacs.wait_for_text("jsonrpc-error")
    emacs.wait_for_text("nothing was changed")
    assert path.read_text() == before
    answers.write_text(json.dumps([f"```python\n{SIMPLER}```"]))
    act(emacs, "Simplify `positive`")
    emacs.wait_until_changed()
    assert emacs.save(path) == SIMPLER
    emacs.press("C-/")
    assert emacs.save(path) == before


def test_an_explanation_is_shown(scripted: tuple[Emacs, Path]) -> None:
    emacs, answers = scripted
    emacs.open("positive.py", POSITIVE)
    answers.write_text(json.dumps(["It says whether `x` is *positive*."]))
    act(emacs, "Explain `positive`")
    emacs.wait_for_text("It says whether `x` is *positive*.")
