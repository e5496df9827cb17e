"""Record what real editors say of themselves in `initialize`, into `tests/fixtures/clients`.

    .venv/bin/python -m tests.editors.record_clients [neovim] [vscode] [helix] [emacs]

Each editor is started from a clean profile with the project's plugin, opens a Python file and
starts the real server through a shell script that keeps what the editor writes. The first message
of that is recorded, with this machine's folders, processes and language replaced.
"""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import cast

from lsp.frames import FrameParser, Message
from tests.support.clients import FOLDER, Json, write_client
from tests.support.emacs import write_init_file
from tests.support.nvim import Neovim
from tests.support.nvim_process import ROOT, Home, find_neovim
from tests.support.tmux import Terminal, find_program
from tests.support.vscode import VSCode, browser_page
from tests.support.vscode_process import Profile, Programs, build_extension, sotto_program

TIMEOUT_S = 60.0


def main() -> int:
    names = sys.argv[1:] or list(STARTS)
    for name in names:
        with tempfile.TemporaryDirectory(prefix="sotto-record-") as made:
            params = record(name, Path(made))
        path = write_client(name, params)
        sys.stderr.write(f"{path.relative_to(ROOT)}: {params['clientInfo']}\n")
    return 0


def record(name: str, folder: Path) -> Json:
    """The parameters of the editor's `initialize`, without anything of this machine."""
    project = folder / "project"
    project.mkdir()
    (project / ".git").mkdir()  # what makes it a project to every editor
    file = project / "example.py"
    file.write_text("print()\n")
    written = folder / "written"
    server = folder / "bin" / "sotto"
    server.parent.mkdir()
    real = shlex.quote(str(sotto_program()))
    server.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = serve ] || exec {real} "$@"\n'
        f'tee {shlex.quote(str(written))} | {real} "$@"\n'
    )
    server.chmod(0o755)
    with STARTS[name](folder, server, file):
        params = wait_for_initialize(written)
    return scrubbed(params, str(project))


def wait_for_initialize(written: Path) -> Json:
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        data = written.read_bytes() if written.exists() else b""
        for item in FrameParser().feed(data):
            if isinstance(item, Message):
                content = cast("Json", item.content)
                assert content["method"] == "initialize", content["method"]
                return content["params"]
        time.sleep(0.05)
    raise AssertionError(f"the editor did not start the server in {TIMEOUT_S:.0f} s")


def scrubbed(params: Json, project: str) -> Json:
    """Without this machine's folders, processes and language."""
    text = json.dumps(params).replace(project, FOLDER)
    clean: Json = json.loads(text)
    clean["processId"] = None
    if "locale" in clean:
        clean["locale"] = "en"
    return clean


# How each editor is started


@contextmanager
def neovim(folder: Path, server: Path, file: Path) -> Generator[None]:
    home = Home.make(folder / "home")
    with (home.folder / "init.lua").open("a") as init:
        init.write(
            f"vim.lsp.config('sotto', {{ cmd = {{ {json.dumps(str(server))}, 'serve' }} }})\n"
        )
    editor = Neovim.start(find_neovim(), home)
    try:
        editor.edit(file, wait=False)
        yield
    finally:
        editor.close()


@contextmanager
def vscode(folder: Path, server: Path, file: Path) -> Generator[None]:
    programs = Programs.find()
    profile = Profile(programs, folder / "profile")
    profile.write_settings({}, {"sotto.server.path": str(server)})
    profile.install(build_extension())
    process = profile.start()
    try:
        with browser_page(programs) as page:
            VSCode(page, process.address, file.parent).open(file)
            yield
    finally:
        process.stop()


@contextmanager
def helix(folder: Path, server: Path, file: Path) -> Generator[None]:
    home = folder / "home"
    (home / "helix").mkdir(parents=True)
    languages = (
        f'[language-server.sotto]\ncommand = {json.dumps(str(server))}\nargs = ["serve"]\n'
        '[[language]]\nname = "python"\nlanguage-servers = ["sotto"]\n'
    )
    (home / "helix" / "languages.toml").write_text(languages)
    folders = {f"XDG_{name}_HOME": str(home) for name in ("CONFIG", "CACHE", "DATA", "STATE")}
    command = [str(find_program("hx")), str(file)]
    with Terminal(command, folder=file.parent, variables=folders):
        yield


@contextmanager
def emacs(folder: Path, server: Path, file: Path) -> Generator[None]:
    home = folder / "home"
    write_init_file(home, [str(server), "serve"])
    command = [str(find_program("emacs")), "-nw", str(file)]
    with Terminal(command, folder=file.parent, variables={"HOME": str(home)}):
        yield


STARTS: dict[str, Callable[[Path, Path, Path], AbstractContextManager[None]]] = {
    "neovim": neovim,
    "vscode": vscode,
    "helix": helix,
    "emacs": emacs,
}


if __name__ == "__main__":
    sys.exit(main())
