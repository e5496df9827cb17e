"""Packs `pyright_extension` for VS Code, with the pyright that `make editors` has fetched."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.support.tmux import find_program
from tests.support.vscode_packing import pack
from tests.support.vscode_process import ROOT

_SOURCE = Path(__file__).parent / "pyright_extension"
_TOOLS = ROOT / "editors" / "vscode" / "node_modules"
"""Of the extension under test; they are there once it is built."""


def pack_pyright(folder: Path) -> Path:
    """Build the extension into the folder; returns the VSIX."""
    program = find_program("pyright")
    module = program.parent.parent / "pyright" / "langserver.index.js"
    bundle = folder / "extension.js"
    command = [_TOOLS / ".bin" / "esbuild", _SOURCE / "extension.js", "--bundle", "--platform=node"]
    command += ["--external:vscode", f"--define:PYRIGHT={json.dumps(str(module))}"]
    environment = os.environ | {"NODE_PATH": str(_TOOLS)}
    subprocess.run([*command, f"--outfile={bundle}"], env=environment, check=True)
    return pack(
        folder / "pyright.vsix", bundle, _SOURCE / "package.json", _SOURCE / "snippets.json"
    )
