"""`docs/actions.md` and the settings name every action."""

from __future__ import annotations

import re
from pathlib import Path

from lsp.actions.offers import IDS
from lsp.option_types import group_types

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "actions.md").read_text("utf-8")


def test_the_page_lists_the_actions_in_their_order() -> None:
    rows = re.findall(r"^\|.*\| `[\w.]+` \| `([\w-]+)` \|", PAGE, re.MULTILINE)
    assert list(dict.fromkeys(rows)) == [*IDS, "custom"]


def test_the_setting_that_takes_actions_away_names_them() -> None:
    described = group_types()["actions"]["disabled"].description
    assert re.findall(r"`([\w-]+)`", described) == list(IDS)
