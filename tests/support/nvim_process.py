"""Starts Neovim with a home of its own, the project's plugin and the project's server."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PLUGIN = ROOT / "editors" / "neovim"


def find_neovim() -> Path:
    """The Neovim that `.ci/editors.py` finds. Raises AssertionError where there is none."""
    command = [sys.executable, str(ROOT / ".ci" / "editors.py"), "--where", "nvim"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise AssertionError(f"no Neovim to drive; run `make editors`. {result.stderr.strip()}")
    return Path(result.stdout.strip())


def sotto_command() -> list[str]:
    """The server as users start it."""
    return [str(Path(sys.executable).parent / "sotto"), "serve"]


@dataclass(frozen=True)
class Home:
    """A home folder for one Neovim: its `init.lua` and everything it writes."""

    folder: Path

    @staticmethod
    def make(
        folder: Path,
        *,
        setup: Mapping[str, object] | None = None,
        before: str = "",
        scripted: bool = False,
    ) -> Home:
        """`setup` goes to `require('sotto').setup`, `before` is Lua for the top of `init.lua`.

        `scripted` puts `scripted_server.lua` in the place of the real server.
        """
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "init.lua").write_text(_init_lua(setup, before, scripted=scripted))
        return Home(folder)

    def command(self, program: Path, *arguments: str) -> list[str]:
        """What starts Neovim in this home, as words for the system."""
        names = ("CONFIG", "DATA", "STATE", "CACHE")
        variables = {"HOME": self.folder}
        variables |= {f"XDG_{name}_HOME": self.folder / name.lower() for name in names}
        words = [f"{name}={value}" for name, value in variables.items()]
        init = str(self.folder / "init.lua")
        return ["/usr/bin/env", *words, str(program), "-u", init, *arguments]


class NeovimProcess:
    """A Neovim without a screen that listens on a socket. It ends when its standard input does."""

    def __init__(self, program: Path, home: Home) -> None:
        # Not below the test's own folder: the name of a socket has to be short.
        self._folder = Path(tempfile.mkdtemp(prefix="sotto-nvim-"))
        self.socket = self._folder / "socket"
        self._process = subprocess.Popen(
            home.command(program, "--embed", "--headless", "--listen", str(self.socket)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.wait()
                raise AssertionError(f"Neovim did not start (status {self._process.returncode})")
            time.sleep(0.005)

    def _listens(self) -> bool:
        # The file is there before anyone listens.
        with socket.socket(socket.AF_UNIX) as probe:
            return self.socket.exists() and probe.connect_ex(str(self.socket)) == 0

    def wait(self) -> None:
        """Wait for its end, which closing its input brings about; by force if it does not."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _init_lua(setup: Mapping[str, object] | None, before: str, *, scripted: bool) -> str:
    """An `init.lua` as the README has it, with the checkout's own server."""
    lines = ["vim.o.swapfile = false", "vim.g.loaded_python3_provider = 0", before]
    lines.append(f"vim.opt.runtimepath:append({_lua_value(str(PLUGIN))})")
    if setup is not None:
        lines.append(f"require('sotto').setup({_lua_value(setup)})")
    if scripted:
        script = Path(__file__).with_name("scripted_server.lua")
        lines.append(f"dofile({_lua_value(str(script))})")
        lines.append("vim.lsp.config('sotto', { cmd = scripted.cmd })")
    else:
        lines.append(f"vim.lsp.config('sotto', {{ cmd = {_lua_value(sotto_command())} }})")
    lines.append("vim.lsp.enable('sotto')\n")
    return "\n".join(lines)


def _lua_value(value: object) -> str:
    """A Lua expression for a value that JSON can say."""
    return f"vim.json.decode({json.dumps(json.dumps(value))})"
