"""Every action that needs an instruct model, on a real one of random weights: what it says is
nonsense in the right form, and ends in an edit or a refusal."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from bench.action_cases import load_cases
from bench.actions import find_offer, marked_place, workspace_of
from inference import (
    ChatPrompt,
    Engine,
    EngineConfig,
    Generation,
    GenerationRequest,
    builtin_model_path,
)
from inference.backends.llama_cpp import LlamaCppBackend
from lsp.actions.asking import Asker
from lsp.actions.explaining import explain
from lsp.actions.offers import IDS, Needs
from lsp.actions.perform import perform
from lsp.actions.proposal import RefusedError
from lsp.actions.works import Explain
from lsp.protocol import EXPLAIN
from lsp.replies.forms import NAME_IN_BACKTICKS, fenced
from lsp.replies.reading import read_text
from tests.support.actions import CAPABILITIES, cut_selection, list_actions, range_of, resolve
from tests.support.client import Client, Json, ResponseError
from tests.support.server_process import server_process
from tests.support.speculating import load
from tests.support.tiny_chat import write_chat_model

pytestmark = pytest.mark.e2e

SOURCE = """\
import os


def total(values, start):
    result = start
    for value in values:
        if value.size > 0:
            result += value.size * len(os.sep)
    return result


def name_of(path):
    pass


def label(name):
    return "%s" % name
"""
LOOP = """\
    for value in values:
        if value.size > 0:
            result += value.size * len(os.sep)
"""
PLACES = (
    SOURCE.replace("pass", "p▮ass"),
    SOURCE.replace('"%s"', '"%▮s"'),
    SOURCE.replace("result = start", "res▮ult = start"),
    SOURCE.replace(LOOP, f"⟦{LOOP}⟧"),
)
FILLED = {"body", "docstring"}
NEEDS_INSTRUCTIONS = set(IDS) - FILLED - {"extract-variable", "sort-imports"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chat_model(tmp_path_factory.mktemp("chat") / "tiny-chat.gguf")


@pytest.fixture(scope="module")
def backend() -> LlamaCppBackend:
    return load(builtin_model_path())


@dataclass
class Listening:
    """An engine that keeps what was asked."""

    engine: Engine
    asked: list[tuple[GenerationRequest, Generation]]

    def submit(self, request: GenerationRequest) -> Generation:
        generation = self.engine.submit(request)
        self.asked.append((request, generation))
        return generation


async def test_each_case_ends_in_an_edit_or_a_refusal(model: Path, tmp_path: Path) -> None:
    """Without filling in the middle, so that documentation and bodies are asked for in words."""
    ends: Counter[str] = Counter()
    async with Engine(EngineConfig(model_path=model)) as engine:
        info = msgspec.structs.replace(await engine.wait_ready(), supports_fim=False)
        listening = Listening(engine, [])
        for case in load_cases():
            place = marked_place(case, tmp_path)
            offer = find_offer(case, place)
            if offer is None or offer.needs is Needs.NOTHING:
                continue
            asker = Asker(listening, info, max_tokens=80, uri=case.name)
            try:
                if isinstance(offer.work, Explain):
                    await explain(offer.work, place, asker)
                    continue
                await perform(offer.work, place, asker, workspace_of(case, tmp_path))
            except RefusedError:
                ends["refusal"] += 1
            else:
                ends["edit"] += 1
        n_held = 0
        for request, generation in listening.asked:
            assert isinstance(request.prompt, ChatPrompt)
            if request.grammar is not None:
                n_held += 1
                assert_formed(request.prompt.prefill + (await generation.result()).text)
    assert n_held > 60
    assert ends.total() > 60


def assert_formed(text: str) -> None:
    """A name in backticks; or a block of code and nothing else; or the beginning of either."""
    if re.fullmatch(r"`[A-Za-z_]\w*`?", text):
        return
    reply = read_text(text)
    (block,) = reply.code
    assert reply.bare == ""
    assert block.is_closed == text.rstrip().endswith("`" * 3)


@pytest.mark.parametrize(
    ("old_text", "code"),
    [
        ("x", "def f():\n    return `1`\n\n    # `` two\n\t`x\n"),
        ("```js\nx\n```", "# Title\n```python\nx = 1\n```\n"),
        ("", ""),
    ],
)
def test_the_form_lets_any_code_through_and_ends_with_it(
    backend: LlamaCppBackend, old_text: str, code: str
) -> None:
    """The grammar is walked with the real tokens of a good answer."""
    form = fenced(old_text)
    fence = form.beginning.strip()
    for grammar, answer in [
        (form.whole, f"{fence}python\n{code}{fence}"),
        (form.rest, f"{code}{fence}"),
        (NAME_IN_BACKTICKS.whole, "`n_items`"),
        (NAME_IN_BACKTICKS.rest, "n_items`"),
    ]:
        state = backend.grammar(grammar.rules)
        for token in backend.vocabulary.tokenize(answer):
            assert state.allows(token), (answer, backend.vocabulary.piece(token))
            state.accept(token)
        assert set(state.allowed().tolist()) == backend.vocabulary.end_ids
        state.close()


async def test_each_action_through_the_server(model: Path, tmp_path: Path) -> None:
    done: set[str] = set()
    refusals: list[str] = []
    custom = {"title": "Tidy", "instruction": "Tidy up.", "appliesTo": "function"}
    # Whether imports can be sorted is up to what is on `PATH`.
    options = {"actions": {"maxAnswerTokens": 64, "custom": [custom], "disabled": ["sort-imports"]}}
    folder = tmp_path / "project"
    folder.mkdir()
    uri = (folder / "sizes.py").as_uri()
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    async with server_process("--model", str(model), env=environment) as server:
        client = server.client
        await client.initialize(
            capabilities=dict(CAPABILITIES), folder=folder.as_uri(), options=options
        )
        await client.wait_ready()
        client.open(uri, SOURCE)
        for action in await offered(client, uri):
            command = action.get("command", {"command": "", "arguments": [None]})
            data = action.get("data") or command["arguments"][0]
            done.add(data["id"])
            try:
                if command["command"] == EXPLAIN:
                    await client.request("workspace/executeCommand", command)
                    continue
                if data["id"] == "rewrite":
                    data = {**data, "instruction": "Make it shorter."}
                resolved = await resolve(client, {"title": action["title"], "data": data})
            except ResponseError as error:
                refusals.append(str(error))
            else:
                assert resolved["edit"]["documentChanges"], action["title"]
        assert client.noise == []
        await client.shut_down()
        assert await server.wait() == 0
    for refusal in refusals:
        assert "nothing was changed" in refusal or refusal == "The model gave no explanation."
    assert done >= NEEDS_INSTRUCTIONS | FILLED | {"custom"}


async def offered(client: Client, uri: str) -> list[Json]:
    """All actions of several places, each kind once."""
    found: dict[str, Json] = {}
    for source in PLACES:
        text, span = cut_selection(source)
        assert text == SOURCE
        problem = {"range": range_of(text, span), "message": "too slow"}
        for action in await list_actions(client, uri, text, span, diagnostics=[problem]):
            assert "disabled" not in action, action
            data = action.get("data") or action["command"]["arguments"][0]
            found.setdefault(data["id"], action)
    return list(found.values())
