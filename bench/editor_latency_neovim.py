"""From a key to its ghost text on Neovim's screen: what of it is Sotto's, what Neovim's own.

    .venv/bin/python -m bench.editor_latency_neovim [--keys 60] [--out FILE]

A real Neovim draws into this process, as it does into any screen that is attached to it
(`nvim_ui_attach`). A key is pressed, and the time taken until Neovim flushes a screen with new
ghost text. Once with the plugin's debounce, once with Neovim's own (200 ms). After each key the
hands rest, so every figure is of a key after which one waits. The server's own time is that of
`sotto/recentRequests`. Keys that bring nothing new (an empty answer, the rest of what was suggested
before) are left out and counted.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pynvim  # pyright: ignore[reportMissingTypeStubs] - it has none

from bench.machine import Provenance, provenance
from bench.results import save
from bench.summary import percentile
from tests.support.nvim import Neovim
from tests.support.nvim_process import Home, NeovimProcess, find_neovim

NEOVIM_DEBOUNCE_MS = 200
PLUGIN_DEBOUNCE_MS = 10
REST_S = 0.1
"""Until the screen has drawn what went away."""
GHOST_COLOUR = 0x123456
"""By which ghost text is known on the screen."""
PATIENCE_S = 1.0
"""How long after a key its ghost text may come."""
HEAD = """\
import json
import os


def load(path):
    with open(path) as f:
        return json.load(f)


"""
TYPED = (
    "def save(path, data):\n    with open(path, 'w') as f:\n    json.dump(data, f)\n\n"
    "for name in os.listdir('.'):\nprint(name)\nif name.endswith('.json'):\ndata = load(name)\n"
)


class Times(msgspec.Struct, frozen=True):
    p50: float | None
    p95: float | None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    editor: str
    debounce_ms: int
    n: int
    """Keys with new ghost text."""
    n_without: int
    """Keys without it."""
    key_to_screen_ms: Times
    server_ms: Times


class Results(msgspec.Struct, frozen=True, kw_only=True):
    made: Provenance
    runs: tuple[Result, ...]


class Screen(threading.Thread):
    """A screen that Neovim draws on; knows when ghost text was drawn last."""

    def __init__(self, socket: Path) -> None:
        super().__init__(daemon=True)
        self._nvim: Any = pynvim.attach("socket", path=str(socket))
        self._groups: set[int] = set()
        self._is_dirty = False
        self.drawn = threading.Event()
        self.drawn_at = 0.0

    def run(self) -> None:
        options = {"rgb": True, "ext_linegrid": True}
        self._nvim.ui_attach(100, 40, **options)
        with contextlib.suppress(EOFError):  # Neovim ends first
            self._nvim.run_loop(_refuse, self._redraw)

    def expect(self) -> None:
        self.drawn.clear()

    def _redraw(self, name: str, events: Sequence[Any]) -> None:
        if name != "redraw":
            return
        for event in events:
            kind, calls = event[0], event[1:]
            if kind == "hl_attr_define":
                for number, attributes, *_ in calls:
                    if attributes.get("foreground") == GHOST_COLOUR:
                        self._groups.add(number)
            elif kind == "grid_line":
                self._is_dirty = self._is_dirty or any(
                    len(cell) > 1 and cell[1] in self._groups for call in calls for cell in call[3]
                )
            elif kind == "flush" and self._is_dirty:
                self._is_dirty = False
                self.drawn_at = time.perf_counter()
                self.drawn.set()


def _refuse(_name: str, _arguments: Sequence[object]) -> None:
    """Neovim asks a screen nothing."""


def times(samples: Sequence[float]) -> Times:
    return Times(percentile(samples, 0.5), percentile(samples, 0.95))


def measure(folder: Path, debounce_ms: int, n_keys: int) -> Result:
    setup = {
        "debounce_ms": debounce_ms,
        "settings": {"inlineCompletion": {"minConfidence": 0}},
    }
    colour = f"vim.api.nvim_set_hl(0, 'ComplHint', {{ fg = {GHOST_COLOUR} }})"
    home = Home.make(folder, setup=setup, before="vim.o.termguicolors = true\n" + colour)
    process = NeovimProcess(find_neovim(), home)
    neovim = Neovim(process.socket, process)
    screen = Screen(process.socket)
    screen.start()
    try:
        path = folder / "example.py"
        path.write_text(HEAD)
        neovim.edit(path)
        neovim.press("GA")
        neovim.settle()
        waits: list[float] = []
        server: list[float] = []
        keys = (TYPED * (n_keys // len(TYPED) + 1))[:n_keys]
        for key in keys:
            if (taken := press(neovim, screen, key)) is not None:
                waits.append(taken[0])
                server.append(taken[1])
        version = str(neovim.lua("return tostring(vim.version())"))
    finally:
        neovim.close()
    return Result(
        editor=f"Neovim {version}",
        debounce_ms=debounce_ms,
        n=len(waits),
        n_without=n_keys - len(waits),
        key_to_screen_ms=times(waits),
        server_ms=times(server),
    )


def press(neovim: Neovim, screen: Screen, key: str) -> tuple[float, float] | None:
    """Press a key; ms until its ghost text is on the screen, and the server's part of them."""
    # What is there goes away first, so that what is drawn then is this key's.
    neovim.press("<C-]>")
    neovim.lua("vim.cmd.redraw()")
    time.sleep(REST_S)
    screen.expect()
    pressed_at = time.perf_counter()
    neovim.press({"<": "<lt>", "\n": "<CR>"}.get(key, key))
    if not screen.drawn.wait(PATIENCE_S):
        return None
    record = neovim.settle()
    if record["outcome"] != "shown" or record["source"] != "model":
        return None
    return 1000 * (screen.drawn_at - pressed_at), float(record["total_ms"])


def main() -> int:
    parser = argparse.ArgumentParser(description="Key to ghost text on Neovim's screen.")
    parser.add_argument("--keys", type=int, default=60, help="keys for each debounce")
    parser.add_argument("--out", type=Path, help="the result's file")
    options = parser.parse_args()
    runs: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="sotto-bench-") as folder:
        for debounce_ms in (PLUGIN_DEBOUNCE_MS, NEOVIM_DEBOUNCE_MS):
            home = Path(folder) / str(debounce_ms)
            runs.append(measure(home, debounce_ms, options.keys))
            print(msgspec.json.encode(runs[-1]).decode())
    made = provenance()
    print(save("editor-latency-neovim", Results(made=made, runs=tuple(runs)), made, options.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
