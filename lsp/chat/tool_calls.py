"""Finds the tools that a model asks for in what it writes.

Each family has its own form. They are told apart by what they look like, not by the model's name:

    <tool_call>{"name": …, "arguments": {…}}</tool_call>                      Qwen 2.5 and 3, Hermes
    <tool_call><function=…><parameter=…>…</parameter></function></tool_call>  Qwen 3 Coder
    <|tool_call>call:…{key:<|"|>text<|"|>,other:3}<tool_call|>                Gemma 4
    <｜tool▁call▁begin｜>…<｜tool▁sep｜>{…}<｜tool▁call▁end｜>                  DeepSeek 3.1
    <｜tool▁call▁begin｜>function<｜tool▁sep｜>…, then JSON in a fence         DeepSeek 3, R1
    {"name": …, "parameters": {…}}                                            Llama 3, alone

Only what the model writes is looked at; text that it was given never comes here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

_DEEPSEEK, _DEEPSEEK_SEPARATOR = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>"
_OPENERS = ("<tool_call>", "<|tool_call>", "<function=", "<｜tool▁calls▁begin｜>", _DEEPSEEK)
_BARE = re.compile(r'\s*\{\s*"(?:name|function)"\s*:')
_BARE_BEGINNINGS = ('{"name":', '{"function":')
_FUNCTION = re.compile(r"<function=([^>\s]+)>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>\s]+)>(.*?)(?:</parameter>|(?=<parameter=)|\Z)", re.DOTALL)
_GEMMA = re.compile(r"<\|tool_call>\s*call:([\w.-]+)")
_QUOTE = '<|"|>'
MAX_CALLS = 8
"""In one message; more are an endless repetition."""


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: dict[str, object]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that looks like a call and is none."""

    reason: str
    """For the model: what to write instead."""


class CallFinder:
    """Takes text as it comes; passes on what stands before the first call."""

    def __init__(self) -> None:
        self._text = ""
        self._n_passed = 0
        self._start: int | None = None

    def feed(self, text: str) -> str:
        """What can be shown now."""
        self._text += text
        if self._start is None:
            self._start = self._find()
        if self._start is not None:
            return self._pass(self._start)
        if not self._n_passed and self._may_be_bare():
            return ""
        return self._pass(len(self._text) - self._n_held())

    def finish(self) -> tuple[str, list[Call | Fault]]:
        """The rest of what can be shown, and the calls."""
        if self._start is None:
            return self._pass(len(self._text)), []
        calls = parse_calls(self._text[self._start :])
        if not calls and not self._text.startswith(_OPENERS, self._start):
            # JSON that is an answer.
            return self._pass(len(self._text)), []
        return "", calls or [Fault("The call cannot be read: write one JSON object in the tags.")]

    def _find(self) -> int | None:
        found = [at for opener in _OPENERS if (at := self._text.find(opener)) >= 0]
        if not self._n_passed and _BARE.match(self._text):
            return 0
        return min(found, default=None)

    def _may_be_bare(self) -> bool:
        compact = "".join(self._text.split())
        return any(beginning.startswith(compact) for beginning in _BARE_BEGINNINGS)

    def _n_held(self) -> int:
        longest = max(map(len, _OPENERS)) - 1
        for n in range(min(longest, len(self._text)), 0, -1):
            if any(opener.startswith(self._text[-n:]) for opener in _OPENERS):
                return n
        return 0

    def _pass(self, end: int) -> str:
        shown = self._text[self._n_passed : max(end, self._n_passed)]
        self._n_passed += len(shown)
        return shown


def parse_calls(text: str) -> list[Call | Fault]:
    """The calls in text that begins with one; empty if it holds none."""
    calls: list[Call | Fault] = []
    if "<|tool_call>" in text:
        calls += [_gemma_call(text, match) for match in _GEMMA.finditer(text)]
    elif _DEEPSEEK in text:
        calls += [_deepseek_call(body) for body in text.split(_DEEPSEEK)[1:]]
    elif "<function=" in text:
        calls += [_xml_call(match) for match in _FUNCTION.finditer(text)]
    else:
        bodies = text.split("<tool_call>")[1:] or [text]
        calls += [found for body in bodies if (found := _json_call(body)) is not None]
    return calls[:MAX_CALLS]


def _json_call(body: str) -> Call | Fault | None:
    start = body.find("{")
    if start < 0:
        return Fault("A call is a JSON object with `name` and `arguments`.")
    try:
        value: object = json.JSONDecoder(strict=False).raw_decode(body, start)[0]
    except (json.JSONDecodeError, RecursionError) as error:
        return Fault(f"The call is no JSON: {error}.")
    if not isinstance(value, Mapping):
        return None
    fields = cast("Mapping[str, object]", value)
    if isinstance(inner := fields.get("function"), Mapping):
        fields = cast("Mapping[str, object]", inner)
    name = fields.get("name", fields.get("function"))
    arguments = fields.get("arguments", fields.get("parameters", {}))
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}", strict=False)
        except (json.JSONDecodeError, RecursionError):
            return Fault("The arguments are no JSON object.")
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        return Fault("A call is a JSON object with `name` and `arguments`.")
    return Call(name, dict(cast("Mapping[str, object]", arguments)))


def _deepseek_call(body: str) -> Call | Fault:
    head, _, rest = body.partition(_DEEPSEEK_SEPARATOR)
    if head.strip() == "function":
        head, _, rest = rest.partition("\n")
    start = rest.find("{")
    try:
        arguments: object = json.JSONDecoder(strict=False).raw_decode(rest, max(start, 0))[0]
    except (json.JSONDecodeError, RecursionError) as error:
        return Fault(f"The call's arguments are no JSON: {error}.")
    if not isinstance(arguments, Mapping) or not head.strip():
        return Fault("A call has a name and a JSON object of arguments.")
    return Call(head.strip(), dict(cast("Mapping[str, object]", arguments)))


def _xml_call(match: re.Match[str]) -> Call:
    """Values are text; what should be a number is made one where the tool is known."""
    found = _PARAMETER.finditer(match[2])
    return Call(match[1], {m[1]: _without_edge_newlines(m[2]) for m in found})


def _without_edge_newlines(text: str) -> str:
    return text.removeprefix("\n").removesuffix("\n")


def _gemma_call(text: str, match: re.Match[str]) -> Call | Fault:
    try:
        value, _ = _gemma_value(text, match.end())
    except (ValueError, RecursionError):
        return Fault("The call's arguments cannot be read.")
    if not isinstance(value, dict):
        return Fault("The call's arguments stand in braces.")
    return Call(match[1], cast("dict[str, object]", value))


def _gemma_value(text: str, at: int) -> tuple[object, int]:
    """The value at `at`, and where it ends. Raises ValueError."""
    if text.startswith(_QUOTE, at):
        end = text.index(_QUOTE, at + len(_QUOTE))
        return text[at + len(_QUOTE) : end], end + len(_QUOTE)
    if text.startswith("{", at):
        return _gemma_object(text, at + 1)
    if text.startswith("[", at):
        return _gemma_list(text, at + 1)
    match = re.compile(r"[^,}\]]*").match(text, at)
    assert match is not None
    word = match[0].strip()
    try:
        return json.loads(word), match.end()
    except json.JSONDecodeError:
        return word, match.end()


def _gemma_object(text: str, at: int) -> tuple[dict[str, object], int]:
    fields: dict[str, object] = {}
    while not text.startswith("}", at):
        colon = text.index(":", at)
        key = text[at:colon].strip().removeprefix(_QUOTE).removesuffix(_QUOTE)
        fields[key], at = _gemma_value(text, colon + 1)
        at = _after_comma(text, at, "}")
    return fields, at + 1


def _gemma_list(text: str, at: int) -> tuple[list[object], int]:
    items: list[object] = []
    while not text.startswith("]", at):
        item, at = _gemma_value(text, at)
        items.append(item)
        at = _after_comma(text, at, "]")
    return items, at + 1


def _after_comma(text: str, at: int, closer: str) -> int:
    if text.startswith(",", at):
        return at + 1
    if not text.startswith(closer, at):
        raise ValueError(text[at : at + 1])
    return at
