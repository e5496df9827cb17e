"""Write tests: where they go, and what becomes of a file that is there already."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from inference import ChatPrompt
from tests.support.actions import CAPABILITIES, apply_edit, cut_selection, list_actions
from tests.support.client import InProcess, Json, ResponseError, in_process, insertion
from tests.support.scripted_engine import EngineMaker

TEXT, SPAN = cut_selection("import os\n\n\ndef area(w, h):\n    ▮return h * w\n\n\nX = 1\n")
WRITTEN = "from shapes import area\n\n\ndef test_area():\n    assert area(2, 3) == 6\n"
OLD = "def test_x():\n    pass\n"
MERGED = "from shapes import area\n\ndef test_x():\n    pass\n\n\n" + WRITTEN.partition("\n\n\n")[2]
NAMES = {"python": "shapes.py", "go": "shapes.go"}


@dataclass
class Project:
    served: InProcess
    folder: Path

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    async def start(self, text: str = TEXT, language: str = "python") -> asyncio.Future[Json]:
        """Choose the action; returns when the model was asked, or the request was answered."""
        client, uri = self.served.client, self.uri(NAMES[language])
        client.open(uri, text, language=language)
        found = await list_actions(client, uri, text, SPAN)
        (action,) = [a for a in found if a["title"].startswith("Write tests for")]
        assert "disabled" not in action, action
        _, future = client.start_request("codeAction/resolve", action)
        n_asked = len(self.served.maker.engine.generations)
        await client.until(
            lambda: len(self.served.maker.engine.generations) > n_asked or future.done()
        )
        return future

    @property
    def question(self) -> str:
        prompt = self.served.maker.generation.request.prompt
        assert isinstance(prompt, ChatPrompt)
        return prompt.messages[-1].content

    def say(self, text: str) -> None:
        self.served.maker.generation.send(text)
        self.served.maker.generation.finish()


@pytest.fixture
def capabilities() -> Json:
    return dict(CAPABILITIES)


@pytest.fixture
def client_name() -> str | None:
    return None


@pytest.fixture
async def project(
    tmp_path: Path, capabilities: Json, client_name: str | None
) -> AsyncIterator[Project]:
    """A model that takes instructions; the test says what it answers."""
    maker = EngineMaker(answer=None)
    maker.supports_chat = True
    folder = tmp_path / "project"
    folder.mkdir()
    async with in_process(maker) as served:
        await served.client.initialize(
            capabilities=capabilities, folder=folder.as_uri(), name=client_name
        )
        await served.client.wait_ready()
        yield Project(served, folder)


@pytest.mark.parametrize("name", ["test_shapes.py", "tests/test_shapes.py"])
async def test_a_new_file(project: Project, name: str) -> None:
    if "/" in name:
        project.write("tests/other.py", "")
    future = await project.start()
    assert "the whole new file test_shapes.py" in project.question
    project.say(f"```python\n{WRITTEN}```")
    edit = (await future)["edit"]
    create, change = edit["documentChanges"]
    assert create["kind"] == "create"
    assert create["uri"] == project.uri(name)
    assert create["options"] == {"overwrite": False, "ignoreIfExists": False}
    assert change["textDocument"] == {"uri": create["uri"], "version": None}
    assert [e["newText"] for e in change["edits"]] == [WRITTEN]
    assert needs_confirmation(edit)
    (annotation,) = edit["changeAnnotations"].values()
    assert annotation["description"] == "test_shapes.py"


def needs_confirmation(edit: Json) -> bool:
    (annotation,) = edit["changeAnnotations"].values()
    return annotation["needsConfirmation"]


async def test_a_file_on_the_disk_is_added_to_after_a_look(project: Project) -> None:
    project.write("test_shapes.py", OLD)
    future = await project.start()
    assert "to be added to the file test_shapes.py. That defines test_x" in project.question
    project.say(f"```python\n{WRITTEN}```")
    edit = (await future)["edit"]
    (change,) = edit["documentChanges"]
    assert change["textDocument"] == {"uri": project.uri("test_shapes.py"), "version": None}
    assert apply_edit(OLD, change["edits"]) == MERGED
    assert needs_confirmation(edit)
    assert (project.folder / "test_shapes.py").read_text() == OLD


async def test_an_open_file_is_added_to_as_it_is_in_the_editor(project: Project) -> None:
    project.write("test_shapes.py", "def test_of_long_ago(): pass\n")
    project.served.client.open(project.uri("test_shapes.py"), OLD, version=5)
    future = await project.start()
    project.say(f"```python\n{WRITTEN}```")
    edit = (await future)["edit"]
    (change,) = edit["documentChanges"]
    assert change["textDocument"] == {"uri": project.uri("test_shapes.py"), "version": 5}
    assert apply_edit(OLD, change["edits"]) == MERGED
    assert not needs_confirmation(edit)


async def test_an_open_file_that_is_not_saved_yet(project: Project) -> None:
    project.served.client.open(project.uri("test_shapes.py"), "")
    future = await project.start()
    project.say(f"```python\n{WRITTEN}```")
    (change,) = (await future)["edit"]["documentChanges"]
    assert change["textDocument"]["version"] == 1
    assert apply_edit("", change["edits"]) == WRITTEN


@pytest.mark.parametrize("how", ["typed", "written", "gone"])
async def test_a_file_that_changes_meanwhile_is_left_alone(project: Project, how: str) -> None:
    path = project.write("test_shapes.py", OLD)
    if how == "typed":
        project.served.client.open(path.as_uri(), OLD)
    future = await project.start()
    if how == "typed":
        project.served.client.change(path.as_uri(), 2, insertion(0, 0, "# more\n"))
        await project.served.client.document_info(path.as_uri())
    elif how == "written":
        path.write_text(f"{OLD}# more\n")
    else:
        path.unlink()
    project.say(f"```python\n{WRITTEN}```")
    with pytest.raises(ResponseError, match=r"was changed while the model|cannot be read"):
        await future


@pytest.mark.parametrize("how", ["opened", "written", "linked"])
async def test_a_file_that_comes_to_be_meanwhile_is_left_alone(project: Project, how: str) -> None:
    path = project.folder / "test_shapes.py"
    future = await project.start()
    if how == "opened":
        project.served.client.open(path.as_uri(), OLD)
        await project.served.client.document_info(path.as_uri())
    elif how == "written":
        path.write_text(OLD)
    else:
        path.symlink_to(project.folder.parent / "elsewhere.py")
    project.say(f"```python\n{WRITTEN}```")
    with pytest.raises(ResponseError, match=r"test_shapes\.py is there meanwhile"):
        await future


@pytest.mark.parametrize("linked", ["test_shapes.py", "tests"])
async def test_no_file_outside_the_project_is_read_or_changed(
    project: Project, linked: str, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "test_shapes.py").write_text("SECRET = 1\n")
    target = outside / "test_shapes.py" if linked.endswith(".py") else outside
    (project.folder / linked).symlink_to(target)
    future = await project.start()
    with pytest.raises(ResponseError, match="is outside the open folders"):
        await future
    assert project.served.maker.engine.generations == []


async def test_a_file_that_is_no_text(project: Project) -> None:
    (project.folder / "test_shapes.py").write_bytes(b"\xff\xfe")
    with pytest.raises(ResponseError, match="is not UTF-8 text"):
        await (await project.start())


class TestEditorsThatMayEmptyAFileTheyAreToCreate:
    """So that one that comes to be after the last look is kept, and all that is in it."""

    @pytest.fixture(params=["Neovim", "helix"])
    def client_name(self, request: pytest.FixtureRequest) -> str:
        return request.param

    @pytest.fixture
    def capabilities(self, client_name: str) -> Json:
        edits = dict(CAPABILITIES["workspace"]["workspaceEdit"])
        if client_name == "Neovim":
            del edits["failureHandling"]
        return {**CAPABILITIES, "workspace": {"workspaceEdit": edits}}

    async def test_nothing_is_taken_out_of_it(self, project: Project) -> None:
        future = await project.start()
        project.say(f"```python\n{WRITTEN}```")
        create, change = (await future)["edit"]["documentChanges"]
        assert create["options"] == {"overwrite": False, "ignoreIfExists": True}
        assert apply_edit("", change["edits"]) == WRITTEN.removesuffix("\n")
        assert apply_edit(OLD, change["edits"]).endswith(OLD)


class TestAnEditorThatCreatesNoFiles:
    @pytest.fixture
    def capabilities(self) -> Json:
        return {**CAPABILITIES, "workspace": {}}

    async def test_it_can_add_to_one(self, project: Project) -> None:
        client, uri = project.served.client, project.uri("shapes.py")
        client.open(uri, TEXT)
        found = await list_actions(client, uri, TEXT, SPAN)
        (action,) = [a for a in found if a["title"] == "Write tests for `area`"]
        assert action["disabled"]["reason"].startswith("This editor cannot create a file")
        client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        project.write("test_shapes.py", OLD)
        future = await project.start()
        project.say(f"```python\n{WRITTEN}```")
        changes = (await future)["edit"]["changes"]
        assert changes.keys() == {project.uri("test_shapes.py")}
        assert apply_edit(OLD, changes[project.uri("test_shapes.py")]) == MERGED


async def test_other_languages_get_a_file_for_the_function(project: Project) -> None:
    source = "package a\n\n\nfunc Area(w int) int {\n\treturn w\n}\n"
    tests = "package a\n\nfunc TestArea(t *testing.T) {}\n"
    project.write("shapes_test.go", "package a\n")
    future = await project.start(source, "go")
    project.say(f"```go\n{tests}```")
    create, _ = (await future)["edit"]["documentChanges"]
    assert create["uri"] == project.uri("shapes_area_test.go")
    project.write("shapes_area_test.go", "package a\n")
    project.served.client.notify(
        "textDocument/didClose", {"textDocument": {"uri": project.uri("shapes.go")}}
    )
    with pytest.raises(ResponseError, match="are there already"):
        await (await project.start(source, "go"))


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("```python\nx = 1\n```", "has no tests"),
        ("```python\ndef test_area(:\n```", "does not parse"),
        ("other.py\n```python\ndef test_a():\n    pass\n```", "is about another file, other.py"),
        ("I will not.", "does not parse"),
    ],
)
async def test_answers_that_are_none(project: Project, answer: str, fault: str) -> None:
    future = await project.start()
    project.say(answer)
    await project.served.maker.submitted(2)
    assert fault in project.question
    project.say("```python\nnothing(\n```")
    with pytest.raises(ResponseError, match="does not parse, twice over"):
        await future
