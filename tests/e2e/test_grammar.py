"""Answers that are held to a grammar, by the real runtime."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from inference import (
    ChatMessage,
    ChatPrompt,
    ChatRole,
    Engine,
    EngineConfig,
    FimPrompt,
    FinishReason,
    GenerationRequest,
    GenerationResult,
    Grammar,
    GrammarError,
    SamplingParams,
    SpeculationMode,
    TextPrompt,
    Tool,
    builtin_model_path,
)
from inference.backends.llama_cpp import LlamaCppBackend
from inference.prompts.generic_tools import call_grammar
from lsp.chat.tool_calls import Call, parse_calls
from tests.support.fixed_costs import load_with_cheap_rows
from tests.support.speculating import load
from tests.support.tiny_chat import write_chat_model

pytestmark = pytest.mark.e2e

SUM = 'root ::= [a-z]+ (" " [+*-] " " [a-z]+){0,6} "\\n"'
LINES = 'root ::= line+ "end"\nline ::= "    " [a-z] [^\\n\\r]{0,30} "\\n"'
UMLAUTS = 'root ::= [äöü€😀 ]{30} "."'
JSON = 'root ::= "[" n ("," n){0,20} "]"\nn ::= [1-9] [0-9]{0,3} | "\\"" [^"\\\\]{0,9} "\\""'
FORMS = {
    SUM: r"[a-z]+( [+*-] [a-z]+){0,6}\n",
    LINES: r"(    [a-z][^\n\r]{0,30}\n)+end",
    UMLAUTS: r"[äöü€😀 ]{30}\.",
    JSON: r'\[([1-9]\d{0,3}|"[^"\\]{0,9}")(,([1-9]\d{0,3}|"[^"\\]{0,9}"))*\]',
}
TEXT = "def total(values, start):\n    result = start\n    for value in values:\n        result ="


def request(
    rules: str, *, max_tokens: int = 60, temperature: float = 0.0, seed: int = 0, old: str = ""
) -> GenerationRequest:
    return GenerationRequest(
        prompt=TextPrompt(text=TEXT),
        sampling=SamplingParams(max_tokens=max_tokens, temperature=temperature, seed=seed),
        grammar=Grammar(rules=rules),
        old_text=old,
    )


@pytest.fixture(scope="module")
def backend() -> LlamaCppBackend:
    return load(builtin_model_path())


@pytest.mark.parametrize("rules", FORMS)
@pytest.mark.parametrize("temperature", [0.0, 1.5])
async def test_an_answer_that_ends_has_the_form(rules: str, temperature: float) -> None:
    async with Engine() as engine:
        await engine.wait_ready()
        for seed in range(4):
            asked = request(rules, max_tokens=400, temperature=temperature, seed=seed)
            result = await engine.submit(asked).result()
            if result.finish_reason is FinishReason.STOP:
                assert re.fullmatch(FORMS[rules], result.text), result.text
            else:
                assert rules == LINES


@pytest.mark.parametrize("rules", FORMS)
async def test_drafts_change_nothing(rules: str) -> None:
    """Right drafts, wrong ones, and ones that the grammar does not allow."""
    results: list[list[GenerationResult]] = []
    for mode in (SpeculationMode.NEVER, SpeculationMode.ALWAYS):
        # The answer is known after the first time, and would not be drafted again.
        config = EngineConfig(speculate=mode, keep_logits=False)
        async with Engine(config, load=load_with_cheap_rows) as engine:
            await engine.wait_ready()
            plain = await engine.submit(request(rules)).result()
            drafted = [plain]
            for old in (plain.text, plain.text[: len(plain.text) // 2] + TEXT, TEXT):
                drafted.append(await engine.submit(request(rules, old=old)).result())
            results.append(drafted)
    without, with_drafts = results
    for result in (*without, *with_drafts):
        assert (result.text, result.token_ids) == (without[0].text, without[0].token_ids)
        assert result.finish_reason is without[0].finish_reason
    assert not any(result.usage.n_drafted_tokens for result in without)
    assert with_drafts[1].usage.n_accepted_tokens > 0


@pytest.mark.parametrize("rules", FORMS)
def test_one_token_at_a_time_and_all_at_once_agree(backend: LlamaCppBackend, rules: str) -> None:
    grammar, chance = backend.grammar(rules), np.random.default_rng(5)
    n_vocab = len(backend.vocabulary)
    for _ in range(12):
        allowed = set(grammar.allowed().tolist())
        some = chance.integers(0, n_vocab, 400).tolist()
        some += chance.choice(sorted(allowed), 20).tolist()
        assert {t for t in some if grammar.allows(t)} == allowed & set(some)
        going_on = sorted(allowed - backend.vocabulary.end_ids)
        if not going_on:
            break
        grammar.accept(int(chance.choice(going_on)))
    grammar.close()
    grammar.close()


def test_control_tokens_are_no_text(backend: LlamaCppBackend) -> None:
    grammar = backend.grammar("root ::= [^\\x00]*")
    allowed = set(grammar.allowed().tolist())
    control = {t for t in range(len(backend.vocabulary)) if not backend.vocabulary.piece(t)}
    assert allowed & control == backend.vocabulary.end_ids & control
    with pytest.raises(AssertionError):
        grammar.accept(next(iter(backend.vocabulary.end_ids)))


async def test_a_full_answer_ends_and_what_cannot_go_on_too() -> None:
    async with Engine() as engine:
        await engine.wait_ready()
        full = await engine.submit(request('root ::= "yes"')).result()
        assert (full.text, full.finish_reason) == ("yes", FinishReason.STOP)
        # There is no such character.
        stuck = await engine.submit(request('root ::= "a" [\\U7FFFFFFF]')).result()
        assert (stuck.text, stuck.finish_reason) == ("a", FinishReason.STOP)


@pytest.mark.parametrize(
    "rules",
    ["", "root ::= x", 'start ::= "a"', 'root ::= ("a"', "root ::= root", "\0", "?"],
)
async def test_broken_rules_are_an_error_and_the_engine_goes_on(rules: str) -> None:
    async with Engine() as engine:
        await engine.wait_ready()
        with pytest.raises(GrammarError, match="grammar of the answer cannot be read"):
            await engine.submit(request(rules)).result()
        assert (await engine.submit(request('root ::= "a"')).result()).text == "a"


async def test_an_error_gives_no_reason_of_one_before() -> None:
    async with Engine() as engine:
        await engine.wait_ready()
        for rules, reason in (("root ::= x", "undefined|parse"), ("", "it is empty")):
            with pytest.raises(GrammarError, match=reason):
                await engine.submit(request(rules)).result()


async def test_filling_in_the_middle_takes_none() -> None:
    async with Engine() as engine:
        await engine.wait_ready()
        asked = GenerationRequest(
            prompt=FimPrompt(prefix="a", suffix="b"), grammar=Grammar(rules='root ::= "a"')
        )
        with pytest.raises(GrammarError, match="middle"):
            await engine.submit(asked).result()


async def test_it_may_begin_behind_a_text() -> None:
    """Whatever tokens that text is in, and in the same token as the first of the form."""
    async with Engine() as engine:
        await engine.wait_ready()
        free = GenerationRequest(
            prompt=TextPrompt(text=TEXT), sampling=SamplingParams(max_tokens=40)
        )
        plain = (await engine.submit(free).result()).text
        for start, length in itertools.product((2, 5, 9), (1, 2, 4)):
            mark = plain[start : start + length]
            at = plain.index(mark) + length
            grammar = Grammar(rules='root ::= "!"+ "\\n"', after=mark)
            asked = GenerationRequest(
                prompt=free.prompt, sampling=SamplingParams(max_tokens=60), grammar=grammar
            )
            text = (await engine.submit(asked).result()).text
            rest = text.removeprefix(plain[:at])
            assert text.startswith(plain[:at])
            # A token that says more than the mark may have settled it already.
            assert re.fullmatch(r"!*\n?", rest) or text.startswith(plain[: at + 1])


async def test_a_call_in_the_generic_form_is_one(tmp_path: Path) -> None:
    """The model's weights are random, so what it says is; but once it calls, it calls."""
    model = write_chat_model(tmp_path / "tiny.gguf")
    names = ("read_file", "list_files")
    tools = [Tool(name=name, description="", parameters={"type": "object"}) for name in names]
    calls = call_grammar(tools).rules.replace("root ::=", "calls ::=")
    question = ChatMessage(role=ChatRole.USER, content="Read a.py")
    found: list[Call] = []
    async with Engine(EngineConfig(model_path=model)) as engine:
        await engine.wait_ready()
        for seed in range(12):
            asked = GenerationRequest(
                prompt=ChatPrompt(messages=(question,)),
                sampling=SamplingParams(max_tokens=600, temperature=1.0, top_k=0, seed=seed),
                grammar=Grammar(rules=f'root ::= "<tool_call>" calls\n{calls}'),
            )
            result = await engine.submit(asked).result()
            if result.finish_reason is FinishReason.STOP:
                for call in parse_calls(result.text):
                    assert isinstance(call, Call), result.text
                    found.append(call)
    assert {call.name for call in found} == set(names)
