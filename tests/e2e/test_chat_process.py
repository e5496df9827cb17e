"""Chat through the real process and the real runtime, on a tiny model of random weights: what it
says is nonsense, everything around it is not."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lsp.chat.history import History
from tests.support.client import Json, ResponseError
from tests.support.server_process import ServerProcess, server_process
from tests.support.tiny_chat import write_chat_model

pytestmark = pytest.mark.e2e
SOTTO = Path(sys.executable).with_name("sotto")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chat_model(tmp_path_factory.mktemp("chat") / "tiny-chat.gguf")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = (tmp_path / "project").resolve()
    folder.mkdir()
    (folder / "a.py").write_text("def add(a, b):\n    return a - b\n" * 20)
    return folder


def history(folder: Path, environment: dict[str, str]) -> History:
    return History(str(folder), Path(environment["XDG_DATA_HOME"], "sotto", "conversations.db"))


async def ready(server: ServerProcess, folder: Path, max_tokens: int) -> None:
    options = {"chat": {"maxTokens": max_tokens, "temperature": 0.8}}
    await server.client.initialize(folder=folder.as_uri(), options=options)
    await server.client.wait_ready()


def params(folder: Path, *messages: Json, token: str = "t") -> Json:
    return {"messages": messages, "conversationId": "c", "partialResultToken": token}


def streamed(server: ServerProcess) -> list[Json]:
    return [p["value"] for p in server.client.received("$/progress") if p["token"] == "t"]


async def test_a_conversation_streams_and_its_beginning_is_reused(
    model: Path, folder: Path, environment: dict[str, str]
) -> None:
    async with server_process("--model", str(model), env=environment) as server:
        await ready(server, folder, max_tokens=48)
        uri = (folder / "a.py").as_uri()
        question = {
            "role": "user",
            "content": "/explain",
            "attachments": [{"kind": "file", "uri": uri}],
        }
        first = await server.client.request("sotto/chat", params(folder, question))
        events = streamed(server)
        assert events[0] == {"kind": "context", "titles": ["a.py"]}
        assert "".join(e["text"] for e in events if e["kind"] == "text") == first["content"]
        assert first["usage"]["n_decoded_tokens"] > 0
        assert first["usage"]["tokens_per_second"] > 0
        again = {"role": "user", "content": "/explain", "context": first["context"]}
        answer = {"role": "assistant", "content": first["content"]}
        more = {"role": "user", "content": "And now?"}
        second = await server.client.request("sotto/chat", params(folder, again, answer, more))
        n_first = first["usage"]["n_prompt_tokens"]
        assert second["usage"]["n_reused_tokens"] >= n_first - 4
        assert n_first > 300
        # Ghost text works beside it; this model fills in, however badly.
        server.client.open(uri, "def f(x):\n    ")
        await server.client.inline(uri, 1, 4, is_invoked=True)
        await server.client.shut_down()
        assert await server.wait() == 0
    turns = history(folder, environment).turns("c")
    assert [turn.outcome for turn in turns] == ["finished", "finished"]
    assert turns[0].answer is not None
    assert turns[0].answer.content == first["content"]


async def test_what_a_long_conversation_lost_is_said(
    model: Path, folder: Path, environment: dict[str, str]
) -> None:
    async with server_process("--model", str(model), env=environment) as server:
        await ready(server, folder, max_tokens=16)
        roles = ["user", "assistant"] * 100
        messages = [{"role": role, "content": f"{n} " * 30} for n, role in enumerate(roles)]
        asked = params(folder, *messages, {"role": "user", "content": "And now?"})
        result = await server.client.request("sotto/chat", asked)
        n_dropped = result["usage"]["n_dropped_messages"]
        assert 0 < n_dropped < len(messages)
        assert any(f"its oldest {n_dropped} messages were left out" in n for n in result["notes"])


async def test_killed_in_mid_answer_no_turn_is_lost(
    model: Path, folder: Path, environment: dict[str, str]
) -> None:
    async with server_process("--model", str(model), env=environment) as server:
        await ready(server, folder, max_tokens=16)
        first = {"role": "user", "content": "first"}
        done = await server.client.request("sotto/chat", params(folder, first))
    async with server_process("--model", str(model), env=environment) as server:
        await ready(server, folder, max_tokens=3000)
        answer = {"role": "assistant", "content": done["content"]}
        second = {"role": "user", "content": "second"}
        _, future = server.client.start_request("sotto/chat", params(folder, first, answer, second))
        await server.client.until(lambda: bool(streamed(server)))
        assert not future.done()
        server.process.send_signal(signal.SIGKILL)
        await server.wait()
        future.cancel()
    kept = history(folder, environment).turns("c")
    assert [turn.question.content for turn in kept] == ["first", "second"]
    assert [turn.outcome for turn in kept] == ["finished", "pending"]
    async with server_process("--model", str(model), env=environment) as server:
        await ready(server, folder, max_tokens=16)
        (info,) = await server.client.request("sotto/conversations")
        assert (info["title"], info["n_turns"]) == ("first", 2)
        turns = await server.client.request("sotto/conversation", {"conversationId": "c"})
        assert turns[0]["answer"]["content"] == done["content"]
        messages = [turns[0]["question"], turns[0]["answer"], turns[1]["question"]]
        await server.client.request("sotto/chat", params(folder, *messages))
        deleted = await server.client.request("sotto/deleteConversations", {})
        assert deleted == {"n_deleted_turns": 2}
        with pytest.raises(ResponseError, match="no such conversation"):
            await server.client.request("sotto/conversation", {"conversationId": "c"})


async def test_a_cancel_takes_effect_and_the_next_question_is_answered(
    model: Path, folder: Path, environment: dict[str, str]
) -> None:
    async with server_process("--model", str(model), env=environment) as server:
        await ready(server, folder, max_tokens=3000)
        question = {"role": "user", "content": "Q"}
        request_id, future = server.client.start_request("sotto/chat", params(folder, question))
        await server.client.until(lambda: bool(streamed(server)))
        server.client.cancel(request_id)
        with pytest.raises(ResponseError) as error:
            await asyncio.wait_for(future, 20)
        assert error.value.code == -32800
        server.client.settings = {}
        (turn,) = history(folder, environment).turns("c")
        assert turn.outcome == "stopped"
        await server.client.request("sotto/proposeEdits", {"content": "nothing"})


# `sotto chat`


def test_one_question_from_the_command_line_and_a_pipe(
    model: Path, folder: Path, environment: dict[str, str]
) -> None:
    done = subprocess.run(
        [SOTTO, "chat", "--model", model, "--folder", folder, "What", "is", "it?"],
        input="piped text", capture_output=True, text=True, timeout=90, check=False,
        env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "tokens read" in done.stderr
    (info,) = history(folder, environment).conversations()
    assert info.title == "What is it? ``` piped text ```"


def test_a_command_about_a_pipe_of_another_encoding(
    model: Path, folder: Path, environment: dict[str, str]
) -> None:
    done = subprocess.run(
        [SOTTO, "chat", "--model", model, "--folder", folder, "/commit"],
        input=b"+caf\xe9\n", capture_output=True, timeout=90, check=False,
        env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (info,) = history(folder, environment).conversations()
    (turn,) = history(folder, environment).turns(info.conversation_id)
    assert turn.question.content.startswith("Write a commit message for these changes")
    assert turn.question.content.endswith("```\n+caf\ufffd\n```")
    assert turn.question.context == "", "it is about the pipe"


def test_without_a_standard_input(model: Path, folder: Path, environment: dict[str, str]) -> None:
    words = ["sh", "-c", 'exec "$@" <&-', "sh", SOTTO, "chat", "--model", model, "--no-history"]
    done = subprocess.run(
        [*words, "--folder", folder, "/nonsense"], capture_output=True, text=True, timeout=90,
        check=False, env=os.environ | environment,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("sotto: There is no command /nonsense; there are /explain")
    assert not Path(environment["XDG_DATA_HOME"]).exists(), "nothing is kept"
    assert "Traceback" not in done.stderr


def test_the_builtin_model_cannot_talk(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [SOTTO, "chat", "Hello"], capture_output=True, text=True, timeout=90, check=False,
        stdin=subprocess.DEVNULL, env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 1
    assert "built-in model" in done.stderr
    assert "Instruct" in done.stderr
    assert "Traceback" not in done.stderr


class Terminal:
    """`sotto chat` on a pseudo-terminal."""

    def __init__(self, *arguments: str | Path, environment: dict[str, str]) -> None:
        self.shown = ""
        pid, self._fd = pty.fork()
        if pid == 0:
            os.execve(SOTTO, [str(SOTTO), *map(str, arguments)], os.environ | environment)
        self._pid = pid

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def wait_for(self, pattern: str, timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not re.search(pattern, self.shown):
            left = deadline - time.monotonic()
            assert left > 0, f"no {pattern!r} in {self.shown!r}"
            if select.select([self._fd], [], [], left)[0]:
                try:
                    data = os.read(self._fd, 65_536)
                except OSError:
                    raise AssertionError(f"ended without {pattern!r}: {self.shown!r}") from None
                # A terminal would answer where its cursor is.
                if b"\x1b[6n" in data:
                    os.write(self._fd, b"\x1b[1;1R")
                self.shown += data.decode(errors="replace")

    def wait_for_prompt(self, number: int) -> None:
        """What is typed before would be the terminal driver's, which keeps a Ctrl-D to itself."""
        self.wait_for(r"(?s)" + r"\x1b\[\?2004h.*" * number)

    def end(self) -> int:
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def test_a_conversation_on_a_terminal(
    model: Path, folder: Path, environment: dict[str, str]
) -> None:
    screen = Terminal(
        "chat", "--model", model, "--folder", folder,
        environment=environment | {"TERM": "xterm", "NO_COLOR": "1"},
    )  # fmt: skip
    screen.wait_for(r"tiny-chat, in .*/help")
    screen.wait_for_prompt(1)
    screen.type("/add a.py\r")
    screen.wait_for_prompt(2)
    screen.type("one\x1b\rtwo\r")
    screen.wait_for(r"(?s)attached: a\.py.*tokens read")
    screen.wait_for_prompt(3)
    screen.type("again\r")
    screen.wait_for(r"(?s)tokens read.*tokens read")
    screen.wait_for_prompt(4)
    screen.type("\x04")
    with pytest.raises(AssertionError, match="ended without"):
        screen.wait_for("never shown")
    assert screen.end() == 0
    colours = re.findall(r"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]", screen.shown)
    assert colours == []
    (info,) = history(folder, environment).conversations()
    turns = history(folder, environment).turns(info.conversation_id)
    assert [turn.question.content for turn in turns] == ["one\ntwo", "again"]
    assert json.dumps(turns[0].question.context).count("def add") == 20
