"""Sort imports: by the real ruff and isort, in projects with settings good and bad."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lsp.changes import Span
from tests.support.actions import CAPABILITIES, apply_edit, list_actions, resolve
from tests.support.client import Client, Json, ResponseError, in_process

BIN = Path(sys.executable).parent
UNSORTED = "import sys\nimport os\n\nX = 1\n"
SORTED = "import os\nimport sys\n\nX = 1\n"
KIND = "source.organizeImports"


@dataclass
class Project:
    client: Client
    folder: Path

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def close(self, name: str = "a.py") -> None:
        self.client.notify("textDocument/didClose", {"textDocument": {"uri": self.uri(name)}})

    async def listed(self, text: str, name: str = "a.py", language: str = "python") -> list[Json]:
        """As VS Code asks when it saves."""
        self.write(name, "")  # isort passes by what is not there
        self.client.open(self.uri(name), text, language=language)
        span = Span(0, len(text))
        return await list_actions(self.client, self.uri(name), text, span, only=[KIND], trigger=2)

    async def edits(self, text: str, name: str = "a.py") -> list[Json]:
        (action,) = await self.listed(text, name)
        assert (action["title"], action["kind"]) == ("Sort imports", KIND)
        edit = (await resolve(self.client, action))["edit"]
        if not edit["documentChanges"]:
            return []
        (change,) = edit["documentChanges"]
        assert change["textDocument"] == {"uri": self.uri(name), "version": 1}
        (annotation,) = edit["changeAnnotations"].values()
        assert annotation["needsConfirmation"] is False
        return change["edits"]

    async def sorted(self, text: str, name: str = "a.py") -> str:
        edits = await self.edits(text, name)
        self.close(name)
        return apply_edit(text, edits)

    async def refusal(self, text: str = UNSORTED) -> str:
        (action,) = await self.listed(text)
        with pytest.raises(ResponseError) as refused:
            await resolve(self.client, action)
        self.close()
        shown = self.client.received("window/showMessage")[-1]
        assert shown["message"] == f"Sotto: {refused.value}"
        return str(refused.value)


def use(monkeypatch: pytest.MonkeyPatch, folder: Path, *names: str) -> None:
    """Have these of the real programs alone on `PATH`."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).symlink_to(BIN / name)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.defpath}")


@pytest.fixture(params=["ruff", "isort"])
def sorter(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def project(
    sorter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Project]:
    folder = tmp_path / "project"
    folder.mkdir()
    use(monkeypatch, tmp_path / "bin", sorter)
    async with in_process() as served:
        await served.client.initialize(capabilities=dict(CAPABILITIES), folder=folder.as_uri())
        yield Project(served.client, folder)


async def test_it_needs_no_model_and_touches_imports_alone(project: Project) -> None:
    edits = await project.edits(UNSORTED)
    assert apply_edit(UNSORTED, edits) == SORTED
    assert all(edit["range"]["end"]["line"] <= 2 for edit in edits)


@pytest.mark.parametrize("eol", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
async def test_the_files_own_form_stays(project: Project, eol: str, bom: str) -> None:
    tail = "\n\nX = '''ä\x0c😀\u2028\t'''  \nY=1"  # what a formatter would change, no newline
    text, expected = (
        bom + (head + tail).replace("\n", eol)
        for head in ("'''Doc.'''\nimport sys\nimport os", "'''Doc.'''\nimport os\nimport sys")
    )
    assert await project.sorted(text) in (
        expected,
        expected.replace(f"'''{eol}i", f"'''{eol * 2}i"),
    )


async def test_a_bom_before_the_first_import_stays(project: Project) -> None:
    assert await project.sorted(f"\ufeff{UNSORTED}") == f"\ufeff{SORTED}"


async def test_half_a_character_is_a_refusal(project: Project) -> None:
    assert "changes more than imports" in await project.refusal(f"{UNSORTED}Y = '\ud83d'\n")


async def test_what_is_sorted_is_left_alone_without_a_word(project: Project) -> None:
    assert await project.edits(SORTED) == []
    assert project.client.received("window/showMessage") == []


async def test_comments_aliases_and_nested_imports(project: Project) -> None:
    text = (
        "import sys  # for argv\n# below\nimport os as o\n"
        "from a import (\n    c,  # see\n    b,\n)\n"
        "\n\ndef f():\n    import sys\n    import os\n\n    return os, sys\n"
    )
    result = await project.sorted(text)
    for part in ("import sys  # for argv", "# below\nimport os as o", "c", "# see"):
        assert part in result
    assert "    import os\n    import sys\n\n    return" in result
    assert result.index("import os as o") < result.index("import sys") < result.index("from a")


async def test_a_file_as_long_as_they_come(project: Project) -> None:
    tail = "".join(f"\n\ndef f{n}():\n    return {n}\n" for n in range(4000))
    edits = await project.edits(UNSORTED + tail)
    assert apply_edit(UNSORTED + tail, edits) == SORTED + tail


async def test_where_it_is_offered(project: Project) -> None:
    assert await project.listed("x = 1\n", "b.py") == []
    assert await project.listed("import sys\nimport os\nx = (\n", "c.py") == []
    assert await project.listed("import b;\nimport a;\n", "d.js", "javascript") == []
    project.client.open("untitled:1", UNSORTED)
    assert await list_actions(project.client, "untitled:1", UNSORTED, Span(0, 0), only=[KIND]) == []


@pytest.mark.parametrize("sorter", ["ruff"])
class TestRuff:
    async def test_the_projects_settings_count(self, project: Project) -> None:
        project.write("pyproject.toml", '[tool.ruff.lint.isort]\nforce-to-top = ["sys"]\n')
        assert await project.sorted(UNSORTED) == UNSORTED

    async def test_they_can_make_it_do_nothing_else(self, project: Project) -> None:
        project.write(
            "ruff.toml",
            'fix = false\nshow-fixes = true\nunsafe-fixes = true\ncache-dir = "cache"\n[lint]\n'
            'extend-select = ["F", "E", "UP"]\nextend-fixable = ["ALL"]\n'
            'isort.required-imports = ["import evil"]\n',
        )
        unused = "import sys\nimport os\n\nx = dict()\n"
        assert await project.sorted(unused) == "import os\nimport sys\n\nx = dict()\n"
        assert {path.name for path in project.folder.iterdir()} == {"a.py", "ruff.toml"}

    async def test_settings_it_does_not_take(self, project: Project) -> None:
        project.write("ruff.toml", 'required-version = "0.0.1"\n')
        assert await project.refusal() == "`ruff` ended with an error; nothing was changed."

    async def test_a_project_of_isort_is_left_to_isort(
        self, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project.write("pyproject.toml", "[tool.isort]\nforce_sort_within_sections = true\n")
        text = "import os\nfrom b import d\nimport c\n\nX = 1\n"
        assert "has settings for isort" in await project.refusal(text)
        use(monkeypatch, tmp_path / "more", "ruff", "isort")
        assert await project.sorted(text) == "import os\n\nfrom b import d\nimport c\n\nX = 1\n"


def make_repository(folder: Path, monitor: str) -> None:
    for arguments in (["init", "-q"], ["config", "core.fsmonitor", monitor]):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def call_isort(variables: dict[str, str]) -> None:
    """In the folder we are in."""
    command = [str(BIN / "isort"), "--filename", str(Path("a.py").absolute()), "-"]
    subprocess.run(command, input=b"import sys\n", env=variables, capture_output=True)


@pytest.mark.parametrize("sorter", ["isort"])
class TestIsort:
    @pytest.mark.parametrize(
        ("settings", "fault"),
        [
            ('add_imports = ["import evil"]', "imports something else, or elsewhere"),
            ('remove_imports = ["sys"]', "imports something else, or elsewhere"),
            ("float_to_top = true", "imports something else, or elsewhere"),
            ("combine_star = true", "imports something else, or elsewhere"),
        ],
    )
    async def test_it_may_do_nothing_else(
        self, project: Project, settings: str, fault: str
    ) -> None:
        project.write("pyproject.toml", f"[tool.isort]\n{settings}\n")
        text = "import sys\nimport os\nfrom a import b\nfrom a import *\n\nx = 1\n\nimport c\n"
        assert await project.refusal(text) == (
            f"The text with sorted imports {fault}; nothing was changed."
        )

    async def test_nothing_of_the_project_runs(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By its modules, by a `git` of its own, by what git runs for a repository."""
        mark = project.folder / "ran"
        project.write("pyproject.toml", "[tool.isort]\nskip_gitignore = true\n")
        project.write("a.py", "")
        evil = f"open({str(mark)!r}, 'w')\n"
        for name in ("isort", "sitecustomize", "usercustomize", "tomllib", "colorama", "json"):
            project.write(f"{name}.py", evil)
        project.write("bin/git", f"#!/bin/sh\ntouch {mark}\n", 0o755)
        make_repository(project.folder, monitor=f"touch {mark}; false")
        monkeypatch.chdir(project.folder)
        # Each is a real danger: a plain call runs them.
        for variables in ({}, {"PYTHONPATH": "."}):
            call_isort({**os.environ, **variables})
            assert mark.exists()
            mark.unlink()
        for name, value in {
            "PYTHONPATH": str(project.folder),
            "PATH": f"{os.environ['PATH']}{os.pathsep}{project.folder / 'bin'}",
        }.items():
            monkeypatch.setenv(name, value)
        assert await project.sorted(UNSORTED) == SORTED
        assert not mark.exists()


@pytest.mark.parametrize("sorter", ["ruff"])
class TestWhichProgram:
    async def test_none_of_the_project(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mark = project.folder / "ran"
        for name in ("ruff", "isort"):
            project.write(f"bin/{name}", f"#!/bin/sh\ntouch {mark}\n", 0o755)
        monkeypatch.chdir(project.folder)
        for path in (str(project.folder / "bin"), "bin"):
            monkeypatch.setenv("PATH", f"{path}{os.pathsep}{os.environ['PATH']}")
            (action,) = await project.listed(UNSORTED)
            assert action["disabled"]["reason"] == (
                "Sorting imports takes ruff or isort, and neither is on PATH outside the open "
                "folders."
            )
        assert not mark.exists()

    async def test_one_that_fails_hangs_or_writes_nonsense(
        self, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lsp.actions.sorting_imports._TIMEOUT_S", 0.5)
        program = tmp_path / "bin" / "ruff"
        for script, reason in [
            ("exit 3", "ended with an error"),
            ("sleep 100", "took too long"),
            ("true", "changes more than imports"),
            ("echo 'import os'", "changes more than imports"),
            ("echo 'x = ('", "changes more than imports"),
            ("cat; echo 'Y = 2'", "changes more than imports"),
            ("sed 's/import os//'", "imports something else"),
            ("printf 'import os\\nimport sys\\n\\n  X = 1\\n'", "changes more than imports"),
        ]:
            program.unlink()
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
            assert reason in await project.refusal(), script
