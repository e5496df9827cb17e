"""Packs `pyright_extension` for VS Code, with the pyright that `make editors` has fetched."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path

from tests.support.tmux import find_program
from tests.support.vscode_process import ROOT

_SOURCE = Path(__file__).parent / "pyright_extension"
_TOOLS = ROOT / "editors" / "vscode" / "node_modules"
"""Of the extension under test; they are there once it is built."""

_MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
<Metadata><Identity Language="en-US" Id="{name}" Version="{version}" Publisher="{publisher}"/>
<DisplayName>{displayName}</DisplayName><Description>{description}</Description></Metadata>
<Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
<Assets><Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json"/></Assets>
</PackageManifest>
"""


def pack_pyright(folder: Path) -> Path:
    """Build the extension into the folder; returns the VSIX."""
    program = find_program("pyright")
    module = program.parent.parent / "pyright" / "langserver.index.js"
    bundle = folder / "extension.js"
    command = [_TOOLS / ".bin" / "esbuild", _SOURCE / "extension.js", "--bundle", "--platform=node"]
    command += ["--external:vscode", f"--define:PYRIGHT={json.dumps(str(module))}"]
    environment = os.environ | {"NODE_PATH": str(_TOOLS)}
    subprocess.run([*command, f"--outfile={bundle}"], env=environment, check=True)
    about = json.loads((_SOURCE / "package.json").read_text(encoding="utf-8"))
    vsix = folder / "pyright.vsix"
    with zipfile.ZipFile(vsix, "w") as archive:
        archive.writestr("extension.vsixmanifest", _MANIFEST.format(**about))
        archive.write(bundle, "extension/extension.js")
        for name in ("package.json", "snippets.json"):
            archive.write(_SOURCE / name, f"extension/{name}")
    return vsix
