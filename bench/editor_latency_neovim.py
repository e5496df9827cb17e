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

import contextlib
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pynvim  # pyright: ignore[reportMissingTypeStubs] - it has none

from bench.command import add_out, command, run
from bench.editor_latency import EditorLatency, EditorRun, report, result_of, run_of
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


def measure(folder: Path, debounce_ms: int, n_keys: int) -> EditorRun:
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
    return run_of(f"Neovim {version}, {debounce_ms} ms debounce", waits, server, n_keys)


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


def measure_all(n_keys: int) -> EditorLatency:
    with tempfile.TemporaryDirectory(prefix="sotto-bench-") as folder:
        return result_of(
            [
                measure(Path(folder) / str(debounce_ms), debounce_ms, n_keys)
                for debounce_ms in (PLUGIN_DEBOUNCE_MS, NEOVIM_DEBOUNCE_MS)
            ]
        )


def main() -> int:
    parser = command("editor_latency_neovim", __doc__)
    parser.add_argument("--keys", type=int, default=60, help="for each debounce; default: 60")
    add_out(parser)
    options = parser.parse_args()
    result = run("editor-latency-neovim", lambda: measure_all(options.keys), report, options.out)
    return int(result is None)


if __name__ == "__main__":
    raise SystemExit(main())
