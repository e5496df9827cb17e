"""The VS Code extension's own tests, in Node's runner: what needs no VS Code."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.vscode_process import ROOT, Programs

pytestmark = pytest.mark.editor


def test_in_nodes_own_runner(vscode_programs: Programs) -> None:
    extension = ROOT / "editors" / "vscode"
    files = sorted(str(path.relative_to(extension)) for path in extension.glob("test/*.test.ts"))
    assert files
    # TypeScript without a build: Node takes the types out itself.
    command = [vscode_programs.node, "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--test"]
    result = subprocess.run([*command, *files], cwd=extension, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
