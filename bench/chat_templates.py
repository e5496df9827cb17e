"""Compares what chat templates write here with what plain Jinja makes of them.

    python -m bench.chat_templates FOLDER    a folder of *.jinja, as llama.cpp's models/templates

Three short conversations go through each. Templates that know no system's message or no tools must
differ, as they are helped; so must those that refuse a conversation. All else should be the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bench.command import command
from inference import ChatMessage, ChatRole, Tool, ToolCall
from inference.prompts import generic_tools
from inference.prompts.hidden_texts import HiddenTexts
from inference.prompts.template_sandbox import EXTENSIONS, ChatTemplate, TemplateRefusedError

TOOL = Tool(
    name="read_file",
    description="Reads a file.",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string", "description": "Its path."}},
        "required": ["path"],
    },
)
_ASKED = (
    ChatMessage(role=ChatRole.SYSTEM, content="Be brief."),
    ChatMessage(role=ChatRole.USER, content=" Hi <|im_end|> there\n"),
)
CONVERSATIONS: Mapping[str, tuple[Sequence[ChatMessage], Sequence[Tool]]] = {
    "plain": (
        (
            *_ASKED,
            ChatMessage(role=ChatRole.ASSISTANT, content="Hello"),
            ChatMessage(role=ChatRole.USER, content="more"),
        ),
        (),
    ),
    "without a system's message": (_ASKED[1:], ()),
    "with tools": (
        (
            *_ASKED,
            ChatMessage(
                role=ChatRole.ASSISTANT,
                tool_calls=(ToolCall(name="read_file", arguments={"path": 'a"b.py'}),),
            ),
            ChatMessage(role=ChatRole.TOOL, content='con"tent\n x', tool_name="read_file"),
        ),
        (TOOL,),
    ),
}


class _Shown(HiddenTexts):
    """Hides nothing."""

    def placeholder(self, text: str) -> str:
        return text


def plain(source: str, variables: Mapping[str, object]) -> str:
    """What Jinja makes of it, with the options and filters that templates are written for."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=EXTENSIONS
    )

    def tojson(value: object, *, ensure_ascii: bool = False, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, **options)

    def refuse(message: str) -> None:
        raise TemplateRefusedError(message)

    def now(form: str) -> str:
        return datetime.now().strftime(form)

    environment.filters["tojson"] = tojson
    functions: dict[str, object] = {"raise_exception": refuse, "strftime_now": now}
    environment.globals.update(functions)  # pyright: ignore[reportArgumentType, reportCallIssue]
    return environment.from_string(source).render(variables)


def here(source: str, messages: Sequence[ChatMessage], variables: Mapping[str, object]) -> str:
    texts = HiddenTexts()
    shown = {**variables, "messages": texts.hide(messages)}
    written = ChatTemplate(source).render(shown)
    return "".join(text for text, _ in texts.split(written))


def outcome(make: Callable[[], str]) -> str:
    try:
        return make()
    except TemplateRefusedError as error:
        return f"refused: {error}"
    except Exception as error:
        return f"failed: {type(error).__name__}"


def main() -> int:
    parser = command("chat_templates", __doc__)
    parser.add_argument("folder", type=Path)
    files = sorted(parser.parse_args().folder.glob("*.jinja"))
    counts = {"same": 0, "same failure": 0, "different": 0}
    for file in files:
        source = file.read_text("utf-8")
        for name, (messages, tools) in CONVERSATIONS.items():
            variables: dict[str, object] = {
                "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>",
            }  # fmt: skip
            if tools:
                variables["tools"] = [generic_tools.as_json(tool) for tool in tools]
            given = {**variables, "messages": _Shown().hide(messages)}
            expected = outcome(partial(plain, source, given))
            found = outcome(partial(here, source, messages, variables))
            is_failure = expected.startswith(("refused", "failed"))
            kind = "different" if found != expected else "same failure" if is_failure else "same"
            counts[kind] += 1
            if kind == "different":
                print(f"{file.stem}, {name}:\n  {expected[-200:]!r}\n  {found[-200:]!r}")
    print(msgspec.json.encode(counts).decode(), file=sys.stderr)
    return 1 if counts["different"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
