"""Make `.venv` in the project's root with everything installed; from the standard library alone.

    python3 .ci/setup.py [--force-build]

llama-cpp-python comes as source. It is built once for this CPU and the wheel is kept in the user's
cache folder, keyed by version, source hash, CMake flags and CPU features, so that a second checkout
takes seconds. `SOTTO_CMAKE_ARGS` replaces the flags (for example `-DGGML_CUDA=ON`).
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
UV_VERSION = "0.13.8"
RUNTIME = "llama-cpp-python"
CMAKE_ARGS = os.environ.get("SOTTO_CMAKE_ARGS", "-DLLAVA_BUILD=OFF")


def main() -> int:
    parser = argparse.ArgumentParser(description="Make .venv with everything Sotto needs.")
    parser.add_argument(
        "--force-build", action="store_true", help="build the runtime again, cached or not"
    )
    arguments = parser.parse_args()
    try:
        set_up(arguments.force_build)
    except SetupError as error:
        print(f"\nsetup: {error}", file=sys.stderr)
        return 1
    return 0


class SetupError(Exception):
    """What went wrong and how to mend it, in words for the person at the terminal."""


def set_up(force_build: bool) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - it may be started with any Python
        raise SetupError(
            f"Python 3.11 or newer is needed, this is {platform.python_version()}; "
            "try `make PYTHON=python3.12 …`"
        )
    started = time.monotonic()
    if not PYTHON.exists():
        say("making .venv")
        make_venv()
    if not uv_is_current():
        say(f"installing uv {UV_VERSION} into .venv")
        run(
            [
                PYTHON,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                f"uv=={UV_VERSION}",
            ]
        )
    uv = BIN / "uv"
    environment = os.environ | {
        "UV_PROJECT_ENVIRONMENT": str(VENV),
        "VIRTUAL_ENV": str(VENV),
        "UV_NO_PROGRESS": "1",
    }
    say("installing packages from uv.lock")
    run(
        [uv, "sync", "--frozen", "--inexact", "--quiet", "--no-install-package", RUNTIME],
        environment,
    )
    wheel = runtime_wheel(force_build)
    if not runtime_is_installed(wheel):
        say(f"installing {wheel.name}")
        run([uv, "pip", "install", "--quiet", "--no-deps", "--reinstall", wheel], environment)
        (VENV / ".runtime").write_text(wheel.parent.name)
    run([PYTHON, "-c", "import llama_cpp"])
    say(f"ready in {time.monotonic() - started:.0f} s: .venv/bin/sotto")


def make_venv() -> None:
    try:
        venv.create(VENV, with_pip=True, symlinks=os.name != "nt")
    except subprocess.CalledProcessError:
        # Debian ships Python without ensurepip; what was made so far would look like a venv.
        shutil.rmtree(VENV, ignore_errors=True)
        raise SetupError(
            "this Python cannot make a virtual environment with pip "
            "(Debian: `apt-get install python3-venv`)"
        ) from None


def runtime_wheel(force_build: bool) -> Path:
    """The wheel of the runtime for this CPU, from the cache or built now."""
    version, digest = locked_runtime()
    key = hashlib.sha256(
        "\n".join(
            [digest, CMAKE_ARGS, platform.system(), platform.machine(), cpu_features()]
        ).encode()
    ).hexdigest()
    folder = cache_folder() / "wheels" / f"{version}-{key[:16]}"
    with locked(folder):
        wheels = sorted(folder.glob("*.whl"))
        if wheels and not force_build:
            return wheels[-1]
        build(version, digest, folder)
        return sorted(folder.glob("*.whl"))[-1]


def build(version: str, digest: str, folder: Path) -> None:
    if not any(shutil.which(name) for name in ("c++", "g++", "clang++", "cl")):
        raise SetupError(
            "a C++ compiler is needed "
            "(Debian: `apt-get install g++`, macOS: `xcode-select --install`)"
        )
    say(f"building {RUNTIME} {version} for this CPU; once, about seven minutes on two cores")
    scratch = folder / "build"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    requirement = scratch / "requirements.txt"
    requirement.write_text(f"{RUNTIME}=={version} --hash=sha256:{digest}\n")
    log = folder / "build.log"
    command = [
        PYTHON,
        "-m",
        "pip",
        "wheel",
        "-v",
        "--no-deps",
        "--disable-pip-version-check",
        "--require-hashes",
        "--no-binary",
        RUNTIME,
        "-w",
        scratch,
        "-r",
        requirement,
    ]
    started = time.monotonic()
    with log.open("w") as record:
        process = subprocess.Popen(
            [str(part) for part in command],
            env=os.environ | {"CMAKE_ARGS": CMAKE_ARGS},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        for line in process.stdout:
            record.write(line)
            show_progress(line, started)
    if process.wait() != 0:
        tail = "".join(log.read_text(errors="replace").splitlines(keepends=True)[-25:])
        raise SetupError(f"the build failed; its last lines (all of it: {log}):\n{tail}")
    for wheel in scratch.glob("*.whl"):
        wheel.replace(folder / wheel.name)
    shutil.rmtree(scratch, ignore_errors=True)
    say(f"built in {time.monotonic() - started:.0f} s, kept in {folder}")


def show_progress(line: str, started: float) -> None:
    """Show ninja's `[done/total]`: in place on a terminal, every tenth part elsewhere."""
    step = re.search(r"\[(\d+)/(\d+)\]", line)
    if not step:
        return
    done, total = int(step[1]), int(step[2])
    text = f"  {done:>4}/{total} files, {time.monotonic() - started:.0f} s"
    if sys.stderr.isatty():
        print(f"\r{text}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done % max(1, total // 10) == 0 or done == total:
        print(text, file=sys.stderr, flush=True)


def locked_runtime() -> tuple[str, str]:
    """Version and sha256 of the runtime's source package in `uv.lock`."""
    import tomllib  # newer than the Python that may have started this

    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    package = next(package for package in lock["package"] if package["name"] == RUNTIME)
    return package["version"], package["sdist"]["hash"].removeprefix("sha256:")


def cpu_features() -> str:
    """What `-march=native` depends on, as one string."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return " ".join(sorted(line.partition(":")[2].split()))
    return platform.processor()


def cache_folder() -> Path:
    if os.name == "nt":
        return Path(os.environ["LOCALAPPDATA"]) / "sotto" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "sotto"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sotto"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder against a second set-up that builds the same wheel."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.name == "nt":
        yield
        return
    import fcntl

    with (folder / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is building the same wheel; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def runtime_is_installed(wheel: Path) -> bool:
    mark = VENV / ".runtime"
    installed = (
        any(VENV.glob("lib/python*/site-packages/llama_cpp/__init__.py"))
        or (VENV / "Lib/site-packages/llama_cpp").exists()
    )
    return installed and mark.exists() and mark.read_text() == wheel.parent.name


def uv_is_current() -> bool:
    try:
        output = subprocess.run(
            [BIN / "uv", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    return UV_VERSION in output.split()


def run(command: list[object], environment: dict[str, str] | None = None) -> None:
    words = [str(part) for part in command]
    try:
        subprocess.run(words, env=environment, check=True, cwd=ROOT)
    except subprocess.CalledProcessError as error:
        raise SetupError(f"`{' '.join(words)}` failed with status {error.returncode}") from None


def say(text: str) -> None:
    print(f"setup: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
