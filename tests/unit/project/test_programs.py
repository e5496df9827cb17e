"""Other programs: where one may come from, and what it is given."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lsp.project.programs import run, trusted

_ECHO = "import sys; sys.stdout.write(sys.stdin.read())"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "project"
    (folder / "bin").mkdir(parents=True)
    return folder


def program_in(folder: Path, name: str = "tool") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def test_a_program_outside_the_project(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = program_in(tmp_path / "elsewhere")
    monkeypatch.setenv("PATH", str(program.parent))
    assert trusted("tool", [project]) == str(program)
    assert trusted("tool", []) == str(program)
    assert trusted("other", [project]) is None


def test_none_of_the_project_whatever_way_leads_to_it(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = program_in(project / "bin"), program_in(tmp_path / "elsewhere")
    program_in(project)
    (tmp_path / "link").symlink_to(inside.parent)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "tool").symlink_to(inside)
    # A repository can hold this, and an interpreter would take our arguments for its own.
    (project / "linked").mkdir()
    (project / "linked" / "tool").symlink_to(outside)
    (tmp_path / "to linked").symlink_to(project / "linked")
    monkeypatch.chdir(project)
    for entry in (inside.parent, tmp_path / "link", tmp_path / "links", project / "linked",
                  tmp_path / "to linked", Path("bin"), Path()):  # fmt: skip
        monkeypatch.setenv("PATH", f"{entry}{os.pathsep}{outside.parent}")
        assert trusted("tool", [project]) is None, entry


@pytest.mark.parametrize("text", ["", "ä 😀\n", "x" * 1_000_000])
async def test_it_reads_its_text(text: str, tmp_path: Path) -> None:
    output = await run((sys.executable, "-c", _ECHO), cwd=tmp_path, timeout_s=30, text=text)
    assert output is not None
    assert (output.text, output.status) == (text, 0)


async def test_it_need_not_read_its_text(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "print(1)")
    output = await run(command, cwd=tmp_path, timeout_s=30, text="x" * 1_000_000)
    assert output is not None
    assert (output.text, output.status) == ("1\n", 0)


async def test_its_environment_is_what_it_is_given(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import os; print(os.environ.get('A'), 'HOME' in os.environ)")
    output = await run(command, cwd=tmp_path, timeout_s=30, variables={"A": "1"})
    assert output is not None
    assert output.text == "1 False\n"


async def test_it_is_ended_in_time(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import time; time.sleep(100)")
    output = await run(command, cwd=tmp_path, timeout_s=0.2, text="x" * 1_000_000)
    assert output is not None
    assert not output.is_finished
