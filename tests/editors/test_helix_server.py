"""What lies around the suggestions in Helix: settings, a server that was killed, and
texts of every kind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.editors.conftest import StartHelix
from tests.support.clients import as_read, initialize_params
from tests.support.helix import Helix
from tests.support.places import Place

pytestmark = pytest.mark.editor


def test_it_says_of_itself_what_was_recorded(helix: Helix) -> None:
    said = next(m["params"] for _, m in helix.messages() if m.get("method") == "initialize")
    assert as_read(said) == as_read(initialize_params("helix"))


def test_a_wrong_setting_is_said(start_helix: StartHelix) -> None:
    helix = start_helix(settings={"inlineCompletion.minConfidence": "a lot"})
    path = helix.profile.project / "a.py"
    path.write_text("# first\n")
    helix.open(path)
    helix.wait_for_text("minConfidence")


def test_a_server_that_was_killed_comes_back(start_helix: StartHelix) -> None:
    helix = start_helix(
        settings={"inlineCompletion.minConfidence": 0, "inlineCompletion.multiline": "always"}
    )
    suggested = helix.suggested()
    helix.leave_insert_mode()
    (pid,) = helix.server_pids()
    os.kill(pid, signal.SIGKILL)
    helix.wait_for(lambda: not helix.server_pids(), "its end")
    n_started = len(helix.notifications("initialized"))
    helix.command("lsp-restart")
    helix.wait_for(lambda: len(helix.notifications("initialized")) > n_started, "a new server")
    helix.wait_until_ready(n_servers=2)
    helix.command("write!")
    again = helix.suggested()
    helix.press("Tab")
    helix.press("Enter")
    assert helix.save(again.path) == again.accepted
    assert suggested.path != again.path


def with_astral(place: Place) -> Place:
    if place.extension != "py":
        return place
    return Place("py", f"# 𝒳 é 中 🙂\n{place.marked}# 🙂 é\n")


CHANGES: dict[str, Callable[[Place], Place]] = {
    "tabs": Place.with_tabs,
    "crlf": lambda place: place.with_line_ends("\r\n"),
    "unicode": with_astral,
    "all": lambda place: with_astral(place).with_line_ends("\r\n").with_tabs(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_texts_of_every_kind(helix: Helix, change: Callable[[Place], Place]) -> None:
    suggested = helix.suggested(change=change)
    helix.press("Tab")
    helix.press("Enter")
    assert helix.save(suggested.path) == suggested.accepted


def test_characters_beside_the_cursor(helix: Helix) -> None:
    """In the line itself, where code units and characters differ."""
    path = helix.profile.project / "beside.py"
    place = Place("py", "name = '🙂é'\nif name == '🙂é' and name.‸\n")
    helix.go_to(path, place)
    item = helix.ask(path)
    assert item, "nothing was suggested"
    helix.press("Tab")
    helix.press("Enter")
    start = place.before.rpartition("\n")[2].encode()
    assert item["textEdit"]["range"]["start"]["character"] == len(start)
    assert helix.save(path) == (place.before + item["textEdit"]["newText"] + place.after).encode()
