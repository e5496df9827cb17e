"""Photograph a suggestion in a real Helix, for the documentation.

    .venv/bin/python -m tests.editors.make_helix_screenshot

As `make_screenshot` does for Neovim, with what that needs; the terminal shows the tmux session
that the keys go to.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.editors.make_screenshot import (
    BACKGROUND,
    FONT,
    FOREGROUND,
    TEXT,
    display,
    run,
    running,
    say,
)
from tests.support.helix import Helix
from tests.support.helix_profile import Profile
from tests.support.nvim_process import ROOT
from tests.support.tmux import find_program

IMAGE = ROOT / "docs" / "images" / "helix-suggestion.png"
COLUMNS, ROWS = 90, 28
TYPED = "if __name"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="sotto-shot-") as name:
        folder = Path(name)
        profile = Profile.make(folder / "home")
        config = profile.configuration / "config.toml"
        looks = 'theme = "onedark"\n\n[editor]\ntrue-color = true\n'
        config.write_text(config.read_text().replace("[editor]\n", looks, 1))
        file = profile.project / "stock.py"
        file.write_text(TEXT)
        helix = Helix(find_program("hx"), profile, file, columns=COLUMNS, rows=ROWS)
        try:
            helix.wait_until_ready()
            with display(folder) as screen:
                photograph(helix, file, screen)
        finally:
            helix.close()
    say(f"{IMAGE.relative_to(ROOT)}: {IMAGE.stat().st_size} bytes")
    return 0


def photograph(helix: Helix, file: Path, screen: str) -> None:
    look = ["-fa", FONT, "-fs", "13", "-bg", BACKGROUND, "-fg", FOREGROUND, "-bw", "0", "-b", "0"]
    terminal = ["xterm", *look, "-geometry", f"{COLUMNS}x{ROWS}+0+0", "-tn", "xterm-direct"]
    with running([*terminal, "-e", *helix.terminal.attaching()], DISPLAY=screen, cwd="/"):
        helix.press("g", "e", "A")
        helix.wait_for(lambda: helix.mode() == "INS", "Insert mode")
        helix.type(TYPED)
        helix.wait_for(lambda: any(e.result["items"] for e in helix.completions(file)), "the list")
        time.sleep(1)
        helix.press("Tab")
        time.sleep(2)  # until the terminal has drawn it; there is no way to ask
        run(["import", "-window", "root", "-trim", "+repage", "-strip", str(IMAGE)], screen)


if __name__ == "__main__":
    sys.exit(main())
