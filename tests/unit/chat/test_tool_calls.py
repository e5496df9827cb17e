"""Tools that a model asks for, in the forms of the families, however the text is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp.chat.reasoning import ReasoningSplitter
from lsp.chat.tool_calls import Call, CallFinder, Fault

READ = Call("read_file", {"path": "a.py", "first_line": 3})
FORMS: dict[str, tuple[str, str, list[Call | Fault]]] = {
    "Qwen 2.5": (
        'Let me see.\n<tool_call>\n{"name": "read_file", "arguments": {"path": "a.py", '
        '"first_line": 3}}\n</tool_call>',
        "Let me see.\n",
        [READ],
    ),
    "two calls": (
        '<tool_call>\n{"name": "a", "arguments": {}}\n</tool_call>\n'
        '<tool_call>\n{"name": "b", "arguments": {"x": "</tool_call>"}}\n</tool_call>',
        "",
        [Call("a", {}), Call("b", {"x": "</tool_call>"})],
    ),
    "arguments as text": (
        '<tool_call>{"name": "a", "arguments": "{\\"x\\": 1}"}</tool_call>',
        "",
        [Call("a", {"x": 1})],
    ),
    "newlines inside texts": (
        '<tool_call>{"name": "a", "arguments": {"x": "1\n2"}}',
        "",
        [Call("a", {"x": "1\n2"})],
    ),
    "OpenAI's": (
        '<tool_call>{"type": "function", "function": {"name": "a", "arguments": {}}}</tool_call>',
        "",
        [Call("a", {})],
    ),
    "Qwen 3 Coder": (
        "I look.\n\n<tool_call>\n<function=read_file>\n<parameter=path>\na.py\n</parameter>\n"
        "<parameter=text>\n  two\n\nlines <b>\n</parameter>\n</function>\n</tool_call>",
        "I look.\n\n",
        [Call("read_file", {"path": "a.py", "text": "  two\n\nlines <b>"})],
    ),
    "Qwen 3 Coder without its opener": (
        "<function=list_files>\n</function>\n</tool_call>",
        "",
        [Call("list_files", {})],
    ),
    "DeepSeek 3.1": (
        "I look.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>read_file<｜tool▁sep｜>"
        '{"path": "a.py", "first_line": 3}<｜tool▁call▁end｜>'
        "<｜tool▁call▁begin｜>list_files<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "I look.",
        [READ, Call("list_files", {})],
    ),
    "DeepSeek 3": (
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>read_file\n```json\n"
        '{"path": "a.py", "first_line": 3}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        "",
        [READ],
    ),
    "Gemma 4": (
        '<|tool_call>call:read_file{path:<|"|>a, b}.py<|"|>,first_line:3,deep:{l:[1,<|"|>x<|"|>],'
        "yes:true}}<tool_call|>",
        "",
        [
            Call(
                "read_file",
                {"path": "a, b}.py", "first_line": 3, "deep": {"l": [1, "x"], "yes": True}},
            )
        ],
    ),
    "Llama 3": (
        '{"name": "read_file", "parameters": {"path": "a.py", "first_line": 3}}',
        "",
        [READ],
    ),
    "no call": ("Use `a < b` and <tool>.", "Use `a < b` and <tool>.", []),
    "JSON that is an answer": ('{"port": 80}', '{"port": 80}', []),
    "nothing": ("", "", []),
}


def find(pieces: list[str]) -> tuple[str, list[Call | Fault]]:
    finder = CallFinder()
    shown = "".join(finder.feed(piece) for piece in pieces)
    rest, calls = finder.finish()
    return shown + rest, calls


def cut(text: str, places: list[int]) -> list[str]:
    marks = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[i:j] for i, j in itertools.pairwise(marks)]


@pytest.mark.parametrize("form", FORMS)
def test_each_family_is_understood(form: str) -> None:
    text, shown, calls = FORMS[form]
    assert find([text]) == (shown, calls)
    assert find(list(text)) == (shown, calls)


@given(st.sampled_from(sorted(FORMS)), st.lists(st.integers(0, 400)))
def test_it_does_not_matter_how_the_text_is_cut(form: str, places: list[int]) -> None:
    text, shown, calls = FORMS[form]
    assert find(cut(text, places)) == (shown, calls)


@given(st.text(alphabet='<>|tool_call/function=parameter"{}[]:, x\n', max_size=80))
def test_nonsense_is_a_fault_or_text_but_no_error(text: str) -> None:
    shown, calls = find([text])
    assert text.startswith(shown)
    assert all(isinstance(call, (Call, Fault)) for call in calls)


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "a", "arguments": {',
        '<tool_call>{"nom": "a"}</tool_call>',
        "<tool_call>read a.py</tool_call>",
        '<tool_call>{"name": "a", "arguments": 3}</tool_call>',
        '<tool_call>{"name": "a", "arguments": "not JSON"}</tool_call>',
        '<|tool_call>call:a{x:<|"|>open<tool_call|>',
        "<tool_call>" + "[" * 100_000,
        '<tool_call>{"a":' * 3,
    ],
)
def test_broken_calls_are_faults_that_say_what_to_write(text: str) -> None:
    _, calls = find([text])
    assert calls
    assert all(isinstance(call, Fault) and call.reason for call in calls)


def test_an_endless_repetition_is_bounded() -> None:
    _, calls = find(['<tool_call>{"name": "a", "arguments": {}}</tool_call>' * 1000])
    assert len(calls) == 8


# Thoughts

THOUGHTS = {
    "Qwen 3": ("<think>\nhm <b> </think\n</think>\n\nSo.", "hm <b> </think\n", "So."),
    "opened by the template": ("<think>hm</think>So.", "hm", "So."),
    "empty": ("<think>\n\n</think>\n\nSo.", "", "So."),
    "never closed": ("<think>\nhm </thi", "hm </thi", ""),
    "Gemma 4": ("<|channel>thought\nhm<channel|>So.", "hm", "So."),
    "none": ("So <think> is a word.", "", "So <think> is a word."),
    "almost": ("<thin", "", "<thin"),
    "a list": ("\n\n- So.\n", "", "- So.\n"),
}


def split(pieces: list[str]) -> tuple[str, str]:
    splitter = ReasoningSplitter()
    found = [piece for text in pieces for piece in splitter.feed(text)] + splitter.finish()
    thoughts = "".join(piece.text for piece in found if piece.is_reasoning)
    return thoughts, "".join(piece.text for piece in found if not piece.is_reasoning)


@pytest.mark.parametrize("form", THOUGHTS)
def test_thoughts_are_told_from_the_answer(form: str) -> None:
    text, thoughts, answer = THOUGHTS[form]
    assert split([text]) == split(list(text)) == (thoughts, answer)


@given(st.sampled_from(sorted(THOUGHTS)), st.lists(st.integers(0, 60)))
def test_thoughts_may_be_cut_anywhere(form: str, places: list[int]) -> None:
    text, thoughts, answer = THOUGHTS[form]
    assert split(cut(text, places)) == (thoughts, answer)
