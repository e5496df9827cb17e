"""The architecture's rules as tests: each fails when its rule is broken."""

from __future__ import annotations

import ast
import re
import subprocess
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 350
NETWORK_MODULES = {
    "socket",
    "ssl",
    "http",
    "urllib",
    "ftplib",
    "smtplib",
    "requests",
    "httpx",
    "aiohttp",
    "urllib3",
}
NETWORK_ALLOWED = {"inference/models/download.py", "inference/backends/remote.py"}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}


def tracked(*patterns: str) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [ROOT / name for name in listing if (ROOT / name).is_file()]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported_modules(path: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    return modules


def test_files_can_be_read_top_to_bottom() -> None:
    long = {
        name_of(path): n
        for path in tracked(
            "lsp/*.py", "inference/*.py", "bench/*.py", "editors/*.lua", "editors/*.ts"
        )
        if (n := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert not long, f"over {MAX_LINES} lines; is there a second thing in them? {long}"


def test_names_say_what_is_inside() -> None:
    vague = [
        name_of(path)
        for path in tracked("*.py")
        if path.stem in VAGUE_NAMES or path.parent.name in VAGUE_NAMES
    ]
    assert not vague


def test_only_the_named_modules_can_reach_the_network() -> None:
    offenders = {
        name_of(path): sorted(found)
        for path in tracked("lsp/*.py", "inference/*.py")
        if name_of(path) not in NETWORK_ALLOWED
        and (
            found := {
                m
                for m in imported_modules(path)
                if m.split(".")[0] in NETWORK_MODULES and m != "urllib.parse"
            }
        )
    }
    assert not offenders


def test_nothing_listens() -> None:
    calls = re.compile(r"\b(start_tcp|start_ws|start_server|create_server|start_unix_server)\b")
    offenders = [
        name_of(path)
        for path in tracked("lsp/*.py", "inference/*.py")
        if calls.search(path.read_text("utf-8"))
    ]
    assert not offenders


def test_nothing_of_the_workspace_is_executed() -> None:
    # A literal name is one of our own dependencies; `languages.py` imports the grammars of its
    # own table.
    calls = re.compile(
        r"\b(?:eval|exec)\(|\bos\.system\(|\bshell=True|\b(?:runpy|pickle|marshal)\b"
        r"|\bimport_module\((?!\")"
    )
    offenders = [
        f"{name_of(path)}:{number}"
        for path in tracked("lsp/*.py", "inference/*.py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if calls.search(line) and name_of(path) != "lsp/context/languages.py"
    ]
    assert not offenders


def test_no_runtime_is_imported_by_name_outside_the_backends() -> None:
    """What the import contract cannot see."""
    by_name = re.compile(r"import_module\(\s*[\"'](?:llama_cpp|mlx)")
    offenders = [
        name_of(path)
        for path in tracked("lsp/*.py", "inference/*.py")
        if by_name.search(path.read_text("utf-8"))
        and not name_of(path).startswith("inference/backends/")
    ]
    assert not offenders


def test_no_other_distribution_provides_our_import_names() -> None:
    providers = packages_distributions()
    # An editable install lists no modules, hence the default.
    assert set(providers.get("lsp", [])) <= {"sotto"}
    assert set(providers.get("inference", [])) <= {"sotto"}


def test_tracked_files_name_no_path_of_a_machine() -> None:
    pattern = re.compile(r"(?<![\w.~-])/(work|root|farm|home/\w+|tmp/[\w.-]+)/")
    offenders = [
        f"{name_of(path)}: {match[0]}"
        for path in tracked(
            "*.py",
            "*.md",
            "*.toml",
            "*.lua",
            "*.ts",
            "*.sh",
            "*.yaml",
            "*.json",
            "*.jsonl",
            "Makefile",
            ".ci/*",
        )
        if path != Path(__file__) and (match := pattern.search(path.read_text("utf-8")))
    ]
    assert not offenders


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{name_of(page)} -> {target}"
        for page in tracked("*.md")
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not broken


BREAKS = {
    "inference-knows-no-editor": ("inference/types.py", "import lsprotocol"),
    "lsp-uses-the-front-door": ("lsp/terminal.py", "from inference.types import Priority"),
    "only-backends-import-runtimes": ("lsp/terminal.py", "import llama_cpp"),
    "features-stand-alone": ("lsp/features/documents.py", "import lsp.features.inline_completion"),
}


def lint_imports(folder: Path, contract: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            ROOT / ".venv/bin/lint-imports",
            "--no-cache",
            "--config",
            folder / "pyproject.toml",
            "--contract",
            contract,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(folder), "PATH": ""},
    )


@pytest.mark.parametrize("contract", BREAKS)
def test_each_import_rule_notices_when_it_is_broken(contract: str, tmp_path: Path) -> None:
    for path in tracked("lsp/*.py", "inference/*.py", "pyproject.toml"):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    kept = lint_imports(tmp_path, contract)
    assert kept.returncode == 0, kept.stdout + kept.stderr
    file, statement = BREAKS[contract]
    with (tmp_path / file).open("a") as module:
        module.write(f"\n{statement}\n")
    broken = lint_imports(tmp_path, contract)
    assert broken.returncode == 1
    assert "BROKEN" in broken.stdout


def test_lock_files_name_no_place_packages_come_from() -> None:
    lock = (ROOT / "editors/vscode/package-lock.json").read_text("utf-8")
    assert '"resolved"' not in lock, "editors/vscode/.npmrc leaves it out; was it read?"
