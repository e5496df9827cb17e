"""Suggestions of the built-in model in a real Helix: seen in the completion list, accepted, undone.

What the model says is not fixed here; what the server promised decides what accepting it must do.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.helix import Helix, shown_label
from tests.support.places import Place

pytestmark = pytest.mark.editor


def is_multi_line(text: str) -> bool:
    return "\n" in text.strip()


def is_one_line(text: str) -> bool:
    return "\n" not in text


def test_typing_brings_the_list(helix: Helix) -> None:
    path = helix.profile.project / "typed.py"
    helix.go_to(path, Place("py", "import logging\n\nlogger = logging‸\n"))
    helix.type(".")
    answer = helix.wait_for(
        lambda: next(
            (e for e in helix.completions(path) if e.params["context"].get("triggerCharacter")),
            None,
        ),
        "a request for the dot",
    )
    assert answer.result["items"], "nothing was suggested"
    helix.wait_for_text(shown_label(answer.result["items"][0]))


@pytest.mark.parametrize("kind", [is_one_line, is_multi_line])
def test_accepting_makes_the_text_the_server_promised(
    helix: Helix, kind: Callable[[str], bool]
) -> None:
    suggested = helix.suggested(kind)
    helix.press("Tab")
    shown = suggested.new_text.strip().splitlines()
    for line in shown:  # a preview, all of it
        helix.wait_for_text(line.strip())
    helix.press("Enter")
    assert helix.save(suggested.path) == suggested.accepted


def test_one_undo_takes_it_back(helix: Helix) -> None:
    suggested = helix.suggested(is_multi_line)
    helix.press("Tab")
    helix.press("Enter")
    assert helix.save(suggested.path) == suggested.accepted
    helix.press("u")
    assert helix.save(suggested.path) == suggested.text.encode()
