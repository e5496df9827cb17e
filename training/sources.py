"""Where the training text comes from: pinned packages, read from their archives.

`sources.toml` pins every input by name and version, with its licence and its split. The archives
themselves (wheels, npm tarballs, the standard library's folder) are fetched by their ordinary
clients; nothing is imported or executed, and nothing but source files is read from them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path, PurePosixPath

PERMISSIVE = re.compile(
    r"\b(MIT|MIT-0|MIT-CMU|HPND|BSD|Apache|PSF|Python-2\.0|Python Software Foundation|ISC|0BSD|Zlib"
    r"|Unlicense|CC0|Public Domain|3-Clause|2-Clause)\b",
    re.IGNORECASE,
)
RESTRICTIVE = re.compile(
    r"GPL|GNU|Mozilla|MPL|EUPL|CeCILL|Proprietary|NVIDIA|Artistic|AFL|CC-BY-(NC|SA|ND)",
    re.IGNORECASE,
)
_VENDORED = {"_vendor", "vendor", "vendored", "_vendored", "extern", "externals", "_extern"}
_VENDORED |= {"third_party", "thirdparty", "node_modules", "site-packages"}
_DATA = {"pydoc_data", "encodings", "migrations", "locale", "locales", "cjkencodings", "data"}
_BUILT = {"dist", "build", "umd", "min", "esm5", "cjs", "es2015", "bundles", "__pycache__"}
SKIPPED_FOLDERS = _VENDORED | _DATA | _BUILT | {"lib2to3", "turtledemo", "idlelib"}
LANGUAGES = {
    ".py": "python",
    ".js": "javascript",
    ".mjs": "javascript",
    ".ts": "typescript",
}


class SourceError(Exception):
    """A pinned input is missing, or is not what the manifest says. The message names it."""


@dataclass(frozen=True)
class Source:
    """One pinned input. `kind` is `stdlib`, `wheel` or `npm`; `split` is `train` or `heldout`."""

    kind: str
    name: str
    version: str
    licence: str
    split: str
    share: float
    """How much of the package's cap may be used: 1 is the ordinary cap."""


@dataclass(frozen=True)
class SourceFile:
    source: Source
    path: str
    language: str
    text: str


def load_manifest(path: Path) -> list[Source]:
    """Read `sources.toml`; every entry must name a permissive licence."""
    table = tomllib.loads(path.read_text())
    sources: list[Source] = []
    for kind in ("stdlib", "wheel", "npm"):
        for row in table.get(kind, []):
            source = Source(
                kind=kind,
                name=row["name"],
                version=row["version"],
                licence=row["licence"],
                split=row.get("split", "train"),
                share=float(row.get("share", 1.0)),
            )
            if not is_permissive(source.licence):
                raise SourceError(f"{source.name}: {source.licence!r} is not permissive")
            sources.append(source)
    return sources


def is_permissive(licence: str) -> bool:
    return bool(PERMISSIVE.search(licence)) and not RESTRICTIVE.search(licence)


def download(source: Source, folder: Path) -> None:
    """Fetch one archive with pip or npm. Dependencies are not followed and nothing is built."""
    folder.mkdir(parents=True, exist_ok=True)
    if source.kind == "npm":
        pinned = f"{source.name}@{source.version}"
        command = ["npm", "pack", "--silent", "--pack-destination", str(folder), pinned]
    else:
        pinned = f"{source.name}=={source.version}"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--dest", str(folder), pinned]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SourceError(f"{pinned}: {done.stderr.strip()[-400:]}")


def find_archive(source: Source, folders: list[Path]) -> Path | None:
    """The archive of exactly the pinned version, in any of `folders`."""
    if source.kind == "npm":
        wanted = f"{source.name.lstrip('@').replace('/', '-')}-{source.version}.tgz"
        return next((f / wanted for f in folders if (f / wanted).exists()), None)
    start = f"{_normalise(source.name)}-{source.version}-".lower()
    for folder in folders:
        for path in sorted(folder.glob("*.whl")):
            name, _, rest = path.name.partition("-")
            if f"{_normalise(name)}-{rest}".lower().startswith(start):
                return path
    return None


def read_files(source: Source, archive: Path) -> Iterator[SourceFile]:
    """Every source file of an archive or folder, in a fixed order, where it is UTF-8."""
    reader = {"stdlib": _read_folder, "wheel": _read_wheel, "npm": _read_tarball}[source.kind]
    for name, raw in reader(source, archive):
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            continue
        yield SourceFile(source, name, LANGUAGES[PurePosixPath(name).suffix], text)


def _read_folder(source: Source, folder: Path) -> Iterator[tuple[str, bytes]]:
    version = tuple(source.version.split(".")[:2])
    if f"python{'.'.join(version)}" not in folder.resolve().parts:
        raise SourceError(f"{folder} is not the library of Python {source.version}")
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        if _wanted(name):
            yield name, path.read_bytes()


def _read_wheel(source: Source, archive: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as wheel:
        names = sorted(wheel.namelist())
        metadata = next((n for n in names if n.endswith(".dist-info/METADATA")), None)
        if metadata is None or not is_permissive(_licence_of(wheel.read(metadata).decode("utf-8"))):
            raise SourceError(f"{archive.name}: its own metadata names no permissive licence")
        for name in names:
            if name.endswith(".py") and _wanted(name):
                yield name, wheel.read(name)
    del source


def _read_tarball(source: Source, archive: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda m: m.name):
            name = member.name.partition("/")[2]
            if member.isfile() and PurePosixPath(name).suffix in LANGUAGES and _wanted(name):
                handle = tar.extractfile(member)
                if handle is not None:
                    yield f"{source.name}/{name}", handle.read()


def _wanted(name: str) -> bool:
    parts = PurePosixPath(name).parts
    leaf = parts[-1]
    if ".min." in leaf or "bundle" in leaf or leaf.endswith((".d.ts", "_pb2.py", "_pb2_grpc.py")):
        return False
    return not SKIPPED_FOLDERS.intersection(parts[:-1]) and not parts[0].endswith(".data")


def _licence_of(metadata: str) -> str:
    """Everything a wheel's metadata says of its licence, as one string."""
    message = Parser().parsestr(metadata, headersonly=True)
    classifiers = [c for c in message.get_all("Classifier") or [] if c.startswith("License")]
    own = [message.get("License-Expression") or "", (message.get("License") or "")[:200]]
    return " ".join([*own, *classifiers])


def _normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()
