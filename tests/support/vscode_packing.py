"""Packs an extension that a test brings along, as a VSIX."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

_MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
<Metadata><Identity Language="en-US" Id="{name}" Version="{version}" Publisher="{publisher}"/>
<DisplayName>{displayName}</DisplayName><Description>{description}</Description></Metadata>
<Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
<Assets><Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json"/></Assets>
</PackageManifest>
"""


def pack(vsix: Path, *files: Path) -> Path:
    """Pack these files, one of which is `package.json`; returns the VSIX."""
    about = next(path for path in files if path.name == "package.json")
    with zipfile.ZipFile(vsix, "w") as archive:
        manifest = _MANIFEST.format(**json.loads(about.read_text(encoding="utf-8")))
        archive.writestr("extension.vsixmanifest", manifest)
        for path in files:
            archive.write(path, f"extension/{path.name}")
    return vsix
