"""Builds the peer: llama-server and llama-bench from the source package of the locked runtime.

    python -m bench.build_peer            prints the folder that holds both

The source package of llama-cpp-python carries llama.cpp whole, so the peer is built from exactly
the sources that run inside the server, with the same options (the defaults, which fit the code to
this CPU). It is fetched with pip and checked against the hash in `uv.lock`. The result is kept in
the user's cache folder, keyed by version, options and CPU: a second call answers at once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

import platformdirs

from bench.command import command
from bench.errors import BenchError
from bench.machine import cpu_features, cpu_model

PROJECT = Path(__file__).resolve().parent.parent
TARGETS = ("llama-server", "llama-bench")
DEFINITIONS = (
    "CMAKE_BUILD_TYPE=Release",
    "LLAMA_BUILD_UI=OFF",
    "LLAMA_USE_PREBUILT_UI=OFF",  # the default would download a web page from a hub
    "LLAMA_OPENSSL=OFF",
    "LLAMA_BUILD_TESTS=OFF",
    "LLAMA_BUILD_EXAMPLES=OFF",
    "BUILD_SHARED_LIBS=OFF",
)


class PeerBuildError(BenchError):
    """The peer could not be built; the message says which step failed and where its output is."""


def locked_runtime(lockfile: Path = PROJECT / "uv.lock") -> tuple[str, str]:
    """Version and source package hash (`sha256:…`) of llama-cpp-python in the lockfile."""
    packages = tomllib.loads(lockfile.read_text(encoding="utf-8"))["package"]
    for package in packages:
        if package["name"] == "llama-cpp-python":
            return package["version"], package["sdist"]["hash"]
    raise PeerBuildError(f"{lockfile} does not lock llama-cpp-python.")


def peer_directory(version: str) -> Path:
    """Where the programs of that version are kept for this CPU."""
    key = hashlib.sha256("\n".join([*DEFINITIONS, cpu_model(), *cpu_features()]).encode())
    cache = Path(platformdirs.user_cache_dir("sotto", appauthor=False))
    return cache / "peers" / f"llama.cpp-{version}-{key.hexdigest()[:12]}"


def find_peer() -> Path | None:
    """The llama-server built earlier for this version and CPU, or None."""
    version, _ = locked_runtime()
    program = peer_directory(version) / _program("llama-server")
    return program if program.is_file() else None


def build(*, jobs: int, source: Path | None = None) -> Path:
    """Build what is missing and return the folder with the programs.

    `source` is an unpacked source package of llama-cpp-python, to save the download.
    Raises PeerBuildError.
    """
    version, digest = locked_runtime()
    target = peer_directory(version)
    if all((target / _program(name)).is_file() for name in TARGETS):
        return target
    if shutil.which("cmake") is None:
        raise PeerBuildError("Building the peer needs cmake; install it and run this again.")
    with tempfile.TemporaryDirectory(prefix="sotto-peer-") as folder:
        root = source if source is not None else fetch_source(version, digest, Path(folder))
        llama_cpp = root / "vendor" / "llama.cpp"
        if not (llama_cpp / "CMakeLists.txt").is_file():
            raise PeerBuildError(f"{root} is not the source package of llama-cpp-python.")
        tree = Path(folder) / "build"
        options = [f"-D{definition}" for definition in DEFINITIONS]
        _run(["cmake", "-S", str(llama_cpp), "-B", str(tree), *options], "configuring")
        _run(
            ["cmake", "--build", str(tree), "--config", "Release", "-j", str(jobs)]
            + [part for name in TARGETS for part in ("--target", name)],
            "compiling",
        )
        target.mkdir(parents=True, exist_ok=True)
        for name in TARGETS:
            built = next(tree.glob(f"**/bin/**/{_program(name)}"), None)
            built = built or tree / "bin" / _program(name)
            # Copied under another name first, so that an interrupted copy is never taken for done.
            partial = target / f"{name}.part"
            shutil.copy2(built, partial)
            partial.replace(target / _program(name))
    return target


def _program(name: str) -> str:
    return f"{name}.exe" if os.name == "nt" else name


def fetch_source(version: str, digest: str, folder: Path) -> Path:
    """Download the source package with pip, checked against the lock, and unpack it."""
    wanted = folder / "requirement.txt"
    wanted.write_text(f"llama-cpp-python=={version} --hash={digest}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps"]
    pip += ["--no-binary", "llama-cpp-python", "--dest", str(folder), "--requirement", str(wanted)]
    _run(pip, "downloading the source package")
    archive = next(folder.glob("llama_cpp_python-*.tar.gz"), None)
    if archive is None:
        raise PeerBuildError("pip downloaded no source package of llama-cpp-python.")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def _run(command: list[str], step: str) -> None:
    """Run one step with its output on stderr: stdout is for the result alone."""
    print(f"{step} …", file=sys.stderr, flush=True)
    code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    if code:
        raise PeerBuildError(f"{step} failed with exit code {code}: {' '.join(command)}")


def main() -> int:
    parser = command("build_peer", __doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="parallel compilers")
    parser.add_argument("--source", type=Path, help="an unpacked source package, not downloaded")
    arguments = parser.parse_args()
    try:
        print(build(jobs=arguments.jobs, source=arguments.source))
    except PeerBuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
