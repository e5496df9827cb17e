"""Wheels that need nothing but Python to be installed."""

from __future__ import annotations

import zipfile
from pathlib import Path


def sotto_wheel(folder: Path, program: Path) -> Path:
    """A wheel whose `sotto` is `program`: installing it takes no index and no compiler."""
    path = folder / "sotto-0.1.0-py3-none-any.whl"
    info = "sotto-0.1.0.dist-info"
    files = {
        "sotto_stub.py": "import os, sys\n\n\ndef main():\n"
        f"    os.execv({str(program)!r}, [{str(program)!r}, *sys.argv[1:]])\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: sotto\nVersion: 0.1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nsotto = sotto_stub:main\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path
