"""Build the VS Code extension into `dist/sotto-VERSION.vsix`: types checked, bundled, packed.

    python .ci/vsix.py    prints the path; does nothing if nothing has changed since the last time

The server comes with it, as a wheel: what the extension installs always fits the extension. Needs
npm and Node ≥ 20; the tools are those of editors/vscode/package-lock.json.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import editors
from editors import EditorsError

ROOT = Path(__file__).resolve().parent.parent
EXTENSION = ROOT / "editors" / "vscode"
DIST = ROOT / "dist"
INPUTS = ["editors/vscode", "lsp", "inference", "pyproject.toml", "LICENSE", ".ci/vsix.py"]


def main() -> int:
    try:
        print(build())
    except EditorsError as error:
        print(f"vsix: {error}", file=sys.stderr)
        return 1
    return 0


def build() -> Path:
    version = json.loads((EXTENSION / "package.json").read_text(encoding="utf-8"))["version"]
    vsix = DIST / f"sotto-{version}.vsix"
    stamp = DIST / "vsix.stamp"
    key = inputs_hash()
    if vsix.exists() and stamp.exists() and stamp.read_text() == key:
        return vsix
    npm = shutil.which("npm")
    if npm is None:
        raise EditorsError("npm is not found (Debian: `apt-get install npm`)")
    DIST.mkdir(exist_ok=True)
    stamp.unlink(missing_ok=True)
    install_tools(npm)
    say("checking and bundling the VS Code extension")
    npm_run(npm, "check")
    npm_run(npm, "build")
    bundle_server()
    shutil.copy(ROOT / "LICENSE", EXTENSION / "LICENSE")
    page = EXTENSION / "dist" / "README.md"
    page.write_text(page_text(), encoding="utf-8")
    npm_run(npm, "package", "--", "--readme-path", "dist/README.md", "--out", vsix)
    stamp.write_text(key)
    return vsix


def install_tools(npm: str) -> None:
    """What package-lock.json names, once for each state of it."""
    lock = hashlib.sha256((EXTENSION / "package-lock.json").read_bytes()).hexdigest()
    mark = EXTENSION / "node_modules" / ".sotto-lock"
    if not mark.exists() or mark.read_text() != lock:
        say("installing the VS Code extension's tools from npm")
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
        run([npm, "ci", "--prefix", EXTENSION, *quiet])
        mark.write_text(lock)


def bundle_server() -> None:
    """The server's wheel, alone in the folder the extension installs from."""
    folder = EXTENSION / "server"
    shutil.rmtree(folder, ignore_errors=True)
    uv = Path(sys.executable).parent / "uv"
    run([uv, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT])
    (folder / ".gitignore").unlink(missing_ok=True)


def page_text() -> str:
    """The README without its pictures: VS Code's page for it shows none that lie beside it.

    First steps, which do show them, have the same.
    """
    text = (EXTENSION / "README.md").read_text(encoding="utf-8")
    return re.sub(r"^!\[[^]]*\]\([^)]*\)\n\n", "", text, flags=re.MULTILINE)


def npm_run(npm: str, script: str, *words: object) -> None:
    run([npm, "run", "--silent", "--prefix", EXTENSION, script, *words])


def run(command: list[object]) -> None:
    editors.run(command, advice="")


def say(text: str) -> None:
    print(f"vsix: {text}", file=sys.stderr, flush=True)


def inputs_hash() -> str:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *INPUTS],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    digest = hashlib.sha256()
    for name in sorted(filter(None, listing.split(b"\0"))):
        path = ROOT / os.fsdecode(name)
        if path.is_file():
            digest.update(name + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
