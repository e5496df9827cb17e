"""Make the environment of the recipe in training/: `.venv-training`, a link into the user's cache.

    python .ci/training.py      # after .ci/setup.py

PyTorch is large, so the environment is made once for each state of `training/requirements.txt` and
`uv.lock` and shared by all checkouts. It holds the product's packages and its runtime as well.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
import venv
from pathlib import Path

from setup import BIN, ROOT, RUNTIME, SetupError, cache_folder, locked, run, runtime_wheel, say

REQUIREMENTS = ROOT / "training" / "requirements.txt"
LINK = ROOT / ".venv-training"


def main() -> int:
    try:
        link(environment(runtime_wheel(force_build=False)))
    except SetupError as error:
        print(f"\nsetup: {error}", file=sys.stderr)
        return 1
    return 0


def environment(wheel: Path) -> Path:
    """The folder of the environment, made if it is not there."""
    inputs = [REQUIREMENTS.read_text(), (ROOT / "uv.lock").read_text(), wheel.parent.name]
    key = hashlib.sha256("\n".join([*inputs, platform.python_version()]).encode()).hexdigest()
    folder = cache_folder() / "training" / f"environment-{key[:16]}"
    with locked(folder.with_suffix(".lock")):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            install(folder, wheel)
            (folder / "complete").touch()
    return folder


def install(folder: Path, wheel: Path) -> None:
    say("installing PyTorch and what else the recipe needs; once, a minute or more")
    venv.create(folder, with_pip=True)
    python = folder / BIN.name / "python"
    exported = folder / "product.txt"
    uv = BIN / "uv"
    options = ["--frozen", "--quiet", "--no-default-groups", "--no-emit-project", "--no-hashes"]
    options += ["--no-emit-package", RUNTIME, "--output-file", str(exported)]
    run([uv, "export", *options])
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "-r", REQUIREMENTS, "-r", exported])
    run([*pip, "--no-deps", wheel])


def link(folder: Path) -> None:
    if LINK.is_symlink() and LINK.resolve() == folder.resolve():
        return
    LINK.unlink(missing_ok=True)
    LINK.symlink_to(folder, target_is_directory=True)
    say(f"ready: {LINK.name} → {folder}")


if __name__ == "__main__":
    sys.exit(main())
