"""Photograph ghost text in a real Neovim, for the README.

    .venv/bin/python -m tests.editors.make_screenshot

Types into a file in a real terminal emulator, waits until the built-in model's suggestion is on the
screen, and writes what the screen shows to `docs/images/neovim-ghost-text.png`. Nothing is drawn or
mended afterwards. Needs Xvfb, xterm, ImageMagick and the font (Debian: `apt-get install xvfb xterm
imagemagick fonts-jetbrains-mono`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from tests.support.nvim import Neovim
from tests.support.nvim_process import ROOT, Home, find_neovim

IMAGE = ROOT / "docs" / "images" / "neovim-ghost-text.png"
FONT = "JetBrains Mono"
BACKGROUND, FOREGROUND = "#14161b", "#e0e2ea"
"""Neovim's own default colours, so that the terminal's edge does not show."""

TEXT = '''"""Counts what is in stock."""

import csv
import sys


class Item:
    def __init__(self, name, count):
        self.name = name
        self.count = count


def load(path):
    with open(path) as f:
        return [Item(name, int(count)) for name, count in csv.reader(f)]


def main():
    for item in load(sys.argv[1]):
        print(item.name, item.count)



'''
TYPED = "if __name__"

LOOKS = """
vim.o.termguicolors = true
vim.o.number = true
vim.o.signcolumn = 'no'
vim.o.laststatus = 2
vim.o.ruler = false
vim.o.statusline = ' %f%=Neovim ' .. tostring(vim.version()) .. ' '
vim.o.shortmess = vim.o.shortmess .. 'F'
"""


def main() -> int:
    missing = [name for name in ("Xvfb", "xterm", "import") if not shutil.which(name)]
    if missing:
        say(f"{', '.join(missing)}: not installed; see this file's first lines")
        return 1
    with tempfile.TemporaryDirectory(prefix="sotto-shot-") as name:
        folder = Path(name)
        file = folder / "stock.py"
        file.write_text(TEXT)
        home = Home.make(folder / "home", before=LOOKS)
        with display(folder) as screen:
            photograph(home, file, folder / "socket", screen)
    say(f"{IMAGE.relative_to(ROOT)}: {IMAGE.stat().st_size} bytes")
    return 0


def photograph(home: Home, file: Path, socket: Path, screen: str) -> None:
    editor = home.command(find_neovim(), "--listen", str(socket), file.name)
    look = ["-fa", FONT, "-fs", "13", "-bg", BACKGROUND, "-fg", FOREGROUND, "-bw", "0", "-b", "14"]
    terminal = ["xterm", *look, "-geometry", "76x26+0+0", "-tn", "xterm-direct", "-e", *editor]
    with running(terminal, DISPLAY=screen, COLORTERM="truecolor", cwd=str(file.parent)):
        wait_until(socket.exists, "Neovim")
        neovim = Neovim(socket)
        neovim.wait_until_ready()
        neovim.press("GA")
        neovim.type(TYPED)
        ghost = neovim.expect_ghost()
        neovim.lua("vim.cmd.redraw()")
        time.sleep(1)  # until the terminal has drawn it; there is no way to ask
        run(["import", "-window", "root", "-trim", "+repage", "-strip", str(IMAGE)], screen)
        say(f"suggested after {TYPED!r}: {ghost.text!r}")
        neovim.close()


@contextlib.contextmanager
def display(folder: Path) -> Generator[str]:
    """A screen of its own, on the first free number."""
    number_read, number_write = os.pipe()
    command = ["Xvfb", "-displayfd", str(number_write), "-screen", "0", "1400x1000x24"]
    command += ["-nolisten", "tcp"]
    log = (folder / "xvfb.log").open("wb")
    with log, subprocess.Popen(command, pass_fds=[number_write], stderr=log) as server:
        os.close(number_write)
        try:
            with os.fdopen(number_read) as number:
                yield f":{number.readline().strip()}"
        finally:
            server.terminate()


@contextlib.contextmanager
def running(command: Sequence[str], cwd: str, **variables: str) -> Generator[None]:
    with subprocess.Popen(command, env=os.environ | variables, cwd=cwd) as process:
        try:
            yield
        finally:
            process.terminate()


def run(command: Sequence[str], screen: str) -> None:
    subprocess.run(command, env=os.environ | {"DISPLAY": screen}, check=True, timeout=60)


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited 30 s for {what}")
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
