"""Photograph a real Neovim, for the README and the documentation.

    .venv/bin/python -m tests.editors.make_screenshot

Works in a real terminal emulator and writes what its screen shows to `docs/images/neovim-*.png`:
ghost text as the built-in model suggests it; the chat and the diff of a change, with an answer that
a script says in a model's place. Nothing is drawn or mended afterwards. Needs Xvfb, xterm,
ImageMagick and the font (Debian: `apt-get install xvfb xterm imagemagick fonts-jetbrains-mono`).
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
from tests.support.nvim_chat import go_to_transcript, serve_script, until_answered, until_said
from tests.support.nvim_process import ROOT, Home, find_neovim

IMAGES = ROOT / "docs" / "images"
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

ANSWER = """\
`load` fails where a line of the file is empty: `csv` gives an empty row for it, and there is no \
name and no count to take out of it. Leave such rows out:

```python
def load(path):
    \"\"\"Read the items of a CSV file.\"\"\"
    with open(path) as f:
        return [Item(row[0], int(row[1])) for row in csv.reader(f) if row]
```
"""

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
        with display(folder) as screen:
            with editor(folder / "ghost", screen, size="76x26") as (neovim, photograph):
                suggest(neovim)
                photograph("ghost-text")
            with editor(folder / "chat", screen, size="140x32", answers=[ANSWER]) as (
                neovim,
                photograph,
            ):
                ask(neovim)
                photograph("chat")
                review(neovim)
                photograph("diff")
    return 0


def suggest(neovim: Neovim) -> None:
    neovim.press("GA")
    neovim.type(TYPED)
    say(f"suggested after {TYPED!r}: {neovim.expect_ghost().text!r}")


def ask(neovim: Neovim) -> None:
    neovim.press("13GVjj:Sotto chat<CR>")
    neovim.type("Why does this fail for some files?")
    neovim.press("<CR>")
    until_said(neovim, "if row]")
    until_answered(neovim)


def review(neovim: Neovim) -> None:
    go_to_transcript(neovim, "def load(path):")
    neovim.press("ga")
    neovim.wait_for(lambda: neovim.lua("return vim.bo.filetype") == "diff", "the diff")


@contextlib.contextmanager
def editor(
    folder: Path, screen: str, *, size: str, answers: Sequence[str] = ()
) -> Generator[tuple[Neovim, Callable[[str], None]]]:
    """A Neovim on `stock.py` in a terminal, and what photographs it."""
    project = folder / "shop"
    (project / ".git").mkdir(parents=True)
    (project / "stock.py").write_text(TEXT)
    home = Home.make(folder / "home", before=LOOKS)
    socket = folder / "socket"
    look = ["-fa", FONT, "-fs", "13", "-bg", BACKGROUND, "-fg", FOREGROUND, "-bw", "0", "-b", "14"]
    terminal = ["xterm", *look, "-geometry", f"{size}+0+0", "-tn", "xterm-direct", "-e"]
    terminal += home.command(find_neovim(), "--listen", str(socket))
    with running(terminal, DISPLAY=screen, COLORTERM="truecolor", cwd=str(project)):
        wait_until(socket.exists, "Neovim")
        neovim = Neovim(socket)
        neovim.wait_for(lambda: neovim.lua("return vim.v.vim_did_enter") == 1, "its start")
        if answers:
            serve_script(neovim, folder, answers)
        neovim.command("edit stock.py")
        neovim.wait_until_ready()

        def photograph(name: str) -> None:
            neovim.lua("vim.cmd.redraw()")
            time.sleep(1)  # until the terminal has drawn it; there is no way to ask
            image = IMAGES / f"neovim-{name}.png"
            run(["import", "-window", "root", "-trim", "+repage", "-strip", str(image)], screen)
            say(f"{image.relative_to(ROOT)}: {image.stat().st_size} bytes")

        yield neovim, photograph
        neovim.close()


@contextlib.contextmanager
def display(folder: Path) -> Generator[str]:
    """A screen of its own, on the first free number."""
    number_read, number_write = os.pipe()
    command = ["Xvfb", "-displayfd", str(number_write), "-screen", "0", "2000x1000x24"]
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
