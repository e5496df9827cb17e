"""Messages as a chat template sees them: with placeholders for their texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from inference.chat_types import ChatMessage, ChatRole, ToolCall
from inference.errors import ChatTemplateError
from inference.prompts.template_sandbox import JSON_MARK, PLACEHOLDER_END, PLACEHOLDER_START

_PLACEHOLDER = re.compile(f"{PLACEHOLDER_START}(\\d+)({JSON_MARK}*){PLACEHOLDER_END}")
_REST = re.compile(f"[{PLACEHOLDER_START}{PLACEHOLDER_END}{JSON_MARK}]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
"""Names of tools and arguments that a template may see: it sorts and compares them."""


class HiddenTexts:
    """The texts of one rendering. No text of a message is ever in what a template is given, so
    nothing there can be taken for a placeholder."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def placeholder(self, text: str) -> str:
        """Stands for `text`; white space at its edges stays outside."""
        core = text.strip()
        if not core:
            return text
        start = text.index(core)
        self._texts.append(core)
        mark = f"{PLACEHOLDER_START}{len(self._texts) - 1}{PLACEHOLDER_END}"
        return text[:start] + mark + text[start + len(core) :]

    def split(self, rendered: str) -> Iterator[tuple[str, bool]]:
        """The rendering in order: text, and whether it is that of a message.

        Raises `ChatTemplateError` if the template cut a placeholder.
        """
        end = 0
        for match in _PLACEHOLDER.finditer(rendered):
            yield _own(rendered[end : match.start()]), False
            text = self._texts[int(match[1])]
            for _ in match[2]:
                text = json.dumps(text, ensure_ascii=False)[1:-1]
            yield text, True
            end = match.end()
        yield _own(rendered[end:]), False

    def hide(self, messages: Sequence[ChatMessage]) -> list[dict[str, object]]:
        """The messages in the form that templates expect, which is that of OpenAI's API."""
        shown: list[dict[str, object]] = []
        n_calls = 0
        unanswered: list[tuple[str, str]] = []
        for message in messages:
            fields: dict[str, object] = {
                "role": message.role.value,
                "content": self.placeholder(message.content),
            }
            if message.reasoning:
                fields["reasoning_content"] = self.placeholder(message.reasoning)
            if message.tool_calls:
                ids = [f"call{n_calls + i:05d}" for i in range(len(message.tool_calls))]
                n_calls += len(ids)
                unanswered = [
                    (call.name, id_) for call, id_ in zip(message.tool_calls, ids, strict=True)
                ]
                pairs = zip(message.tool_calls, ids, strict=True)
                fields["tool_calls"] = [self._call(call, id_) for call, id_ in pairs]
            if message.role is ChatRole.TOOL:
                fields["name"] = self._name(message.tool_name)
                fields["tool_call_id"] = _take(unanswered, message.tool_name)
            shown.append(fields)
        return shown

    def _call(self, call: ToolCall, call_id: str) -> dict[str, object]:
        function = {"name": self._name(call.name), "arguments": self._hidden(call.arguments)}
        return {"id": call_id, "type": "function", "function": function}

    def _name(self, name: str) -> str:
        return name if _NAME.fullmatch(name) else self.placeholder(name)

    def _hidden(self, value: object) -> object:
        """A JSON value with its texts hidden."""
        if isinstance(value, str):
            return self.placeholder(value)
        if isinstance(value, Mapping):
            items = cast("Mapping[str, object]", value).items()
            return {self._name(key): self._hidden(item) for key, item in items}
        if isinstance(value, (list, tuple)):
            return [self._hidden(item) for item in cast("Sequence[object]", value)]
        return value


def _take(unanswered: list[tuple[str, str]], name: str) -> str:
    """The id of the first call that this result can belong to."""
    if not unanswered:
        return "call00000"
    at = next((i for i, (called, _) in enumerate(unanswered) if called == name), 0)
    return unanswered.pop(at)[1]


def _own(text: str) -> str:
    if _REST.search(text):
        raise ChatTemplateError(
            "The model's chat template takes messages apart. Choose another model, or another file "
            "of this one."
        )
    return text
