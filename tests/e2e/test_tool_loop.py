"""A loop of thirty tools in the real process: it completes, can be stopped at any step, and a kill
at any moment loses nothing that was finished or accepted. The model's words are scripted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import sqlite3
import sys
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Json, ResponseError, sha256
from tests.support.server_process import ServerProcess, server_process

pytestmark = pytest.mark.e2e
N_STEPS = 30
N_KILLS = 32
ROOT = Path(__file__).resolve().parents[2]


def call(tool: str, **arguments: Any) -> str:
    body = json.dumps({"name": tool, "arguments": arguments})
    return f"<tool_call>\n{body}\n</tool_call>"


def task() -> list[str]:
    """Thirty steps that do different things, each after some words, and the answer."""
    tools = [
        call("list_files"),
        call("search", text="count"),
        call("read_file", path="a.py"),
        call("symbols", path="a.py"),
        call("propose_edit", path="new.py", old_text="", new_text="x = 1\n"),
        call("read_file", path="gone.py"),
    ]
    steps = [f"I take step {n + 1} now.\n{tools[n % len(tools)]}" for n in range(N_STEPS)]
    return [*steps, "All is done."]


class Project:
    """A folder whose editor asks, accepts and saves."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "project"
        self.folder.mkdir()
        self.code = self.folder / "a.py"
        self.code.write_text("count = 0\n")
        self.script = home / "script.json"
        self.data = home / "data"

    @contextlib.asynccontextmanager
    async def server(
        self, answers: Sequence[str] = ("…",), *, pause_ms: float = 0.0
    ) -> AsyncGenerator[ServerProcess]:
        self.script.write_text(json.dumps(answers))
        command = (sys.executable, "-m", "tests.support.scripted_serve")
        arguments = (str(self.script), str(pause_ms))
        env = {"XDG_DATA_HOME": str(self.data)}
        async with server_process(*arguments, command=command, env=env, cwd=ROOT) as server:
            await server.client.initialize(folder=self.folder.resolve().as_uri())
            await server.client.wait_ready()
            yield server

    def accept(self, edit: Json) -> None:
        """What an editor does: one change in one line of the file, saved."""
        change: Json = edit["documentChanges"][0]["edits"][0]
        number: int = change["range"]["start"]["line"]
        line = self.code.read_text().split("\n")[number]
        start, end = (change["range"][at]["character"] for at in ("start", "end"))
        self.code.write_text(f"{line[:start]}{change['newText']}{line[end:]}\n")

    def files(self) -> dict[str, str]:
        return {path.name: sha256(path.read_text()) for path in self.folder.iterdir()}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def params(conversation: str, *contents: str) -> Json:
    """A conversation of questions and answers in turn."""
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": content} for n, content in enumerate(contents)]
    return {
        "messages": messages,
        "conversationId": conversation,
        "useTools": True,
        "partialResultToken": conversation,
    }


def events(server: ServerProcess, conversation: str) -> list[Json]:
    progress = server.client.received("$/progress")
    return [p["value"] for p in progress if p["token"] == conversation]


async def kept(server: ServerProcess, conversation: str) -> list[Json]:
    return await server.client.request("sotto/conversation", {"conversationId": conversation})


async def test_thirty_steps_complete_and_are_kept(project: Project) -> None:
    before = project.files()
    async with project.server(task()) as server:
        answer = await server.client.request("sotto/chat", params("c", "Q"))
    assert len(answer["steps"]) == N_STEPS
    assert (answer["content"], answer["finish_reason"]) == ("All is done.", "stop")
    assert [edit["path"] for edit in answer["edits"] if edit["edit"]] == ["new.py"]
    assert project.files() == before
    async with project.server() as server:
        (turn,) = await kept(server, "c")
    assert turn["outcome"] == "finished"
    assert turn["answer"]["steps"] == answer["steps"]


async def test_it_can_be_stopped_at_every_step(project: Project) -> None:
    """In the middle of what the model says before it uses its next tool."""
    answers: list[str] = []
    for n in range(1, N_STEPS + 1):
        answers += [*task()[: n - 1], f"Stopped at {n}…"]
    async with project.server([*answers, "Still here."]) as server:
        for n in range(1, N_STEPS + 1):
            name = f"stop-{n}"
            request, future = server.client.start_request("sotto/chat", params(name, "Q"))
            said = {"kind": "text", "text": f"Stopped at {n}"}
            await server.client.until(lambda name=name, said=said: said in events(server, name))
            server.client.cancel(request)
            with pytest.raises(ResponseError) as error:
                await asyncio.wait_for(future, 20)
            assert error.value.code == -32800
            begun = [event for event in events(server, name) if event["kind"] == "step"]
            assert len(begun) == n - 1
            (turn,) = await kept(server, name)
            assert (turn["outcome"], turn["answer"]["content"]) == ("stopped", f"Stopped at {n}")
        after = await server.client.request("sotto/chat", params("after", "Q"))
    assert after["content"] == "Still here."
    assert list(project.files()) == ["a.py"]


async def test_a_kill_at_any_moment_loses_nothing(project: Project) -> None:
    """Each server is asked for a small change, which the editor accepts and saves, then for the
    long task, and killed at a random moment of it. The next one must know all of that."""
    chance = random.Random(20)
    n_events = 3 * N_STEPS  # Words, a step, its end. The first says that the question was taken.
    moments = [1 + n * (n_events - 1) // N_KILLS for n in range(N_KILLS)]
    outcomes: list[str] = []
    for number, moment in enumerate(moments):
        name, change = f"kill-{number}", (f"count = {number}", f"count = {number + 1}")
        edit = call("propose_edit", path="a.py", old_text=change[0], new_text=change[1])
        async with project.server([edit, "Changed.", *task()], pause_ms=1.0) as server:
            if number:
                outcomes.append(await check_kept(server, f"kill-{number - 1}"))
            first = await server.client.request("sotto/chat", params(name, "first"))
            (proposed,) = first["edits"]
            project.accept(proposed["edit"])
            saved = project.files()
            n_before = len(events(server, name))
            asked = params(name, "first", "Changed.", "second")
            _, future = server.client.start_request("sotto/chat", asked)
            await server.client.until(
                lambda name=name, n=n_before + moment: len(events(server, name)) >= n
            )
            await asyncio.sleep(chance.random() * 0.006)
            server.process.send_signal(signal.SIGKILL)
            await server.wait()
            future.cancel()
        assert project.code.read_text() == f"{change[1]}\n"
        assert project.files() == saved
        with contextlib.closing(sqlite3.connect(project.data / "sotto/conversations.db")) as store:
            assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    last = f"kill-{N_KILLS - 1}"
    async with project.server(task()) as server:
        outcomes.append(await check_kept(server, last))
        again = await server.client.request(
            "sotto/chat", params(last, "first", "Changed.", "second")
        )
        assert len(again["steps"]) == N_STEPS
        turns = await kept(server, last)
        assert [turn["outcome"] for turn in turns] == ["finished", "finished"]
    assert outcomes.count("pending") >= 30


async def check_kept(server: ServerProcess, conversation: str) -> str:
    """What became of the second turn; the first one must be whole."""
    first, second = await kept(server, conversation)
    assert (first["question"]["content"], first["outcome"]) == ("first", "finished")
    assert first["answer"]["content"] == "Changed."
    assert [step["tool"] for step in first["answer"]["steps"]] == ["propose_edit"]
    assert second["question"]["content"] == "second"
    assert (second["outcome"] == "finished") == (second["answer"] is not None)
    return second["outcome"]
