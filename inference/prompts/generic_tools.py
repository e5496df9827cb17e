"""Tools for models whose chat template knows none: described in words, called in JSON.

The tags and the JSON are those most open models were trained on (Hermes, Qwen 2.5 and 3).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from inference.chat_types import ChatRole, Tool
from inference.prompts.template_sandbox import escaped_placeholders
from inference.types import Grammar

TAGS = "<tools></tools><tool_call></tool_call><tool_response></tool_response>"
_INTRODUCTION = """\
# Tools

You can use these tools; each is described by a JSON schema:
<tools>
{tools}
</tools>

To use one, write its name and its arguments as a JSON object in these tags, and nothing after them:
<tool_call>
{{"name": "tool", "arguments": {{"argument": "value"}}}}
</tool_call>

What it found comes back in <tool_response></tool_response>."""


_CALL_RULES = r"""
root ::= call (ws "<tool_call>" call)* ws
call ::= ws "{" ws "\"name\"" ws ":" ws name ws "," ws "\"arguments\"" ws ":" ws object ws "}" ws "</tool_call>"
name ::= @NAMES@
object ::= "{" ws (pair (ws "," ws pair)*)? ws "}"
pair ::= string ws ":" ws value
array ::= "[" ws (value (ws "," ws value)*)? ws "]"
value ::= string | number | object | array | "true" | "false" | "null"
string ::= "\"" ([^"\\\x00-\x1f] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\""
number ::= "-"? [0-9]+ ("." [0-9]+)? ([eE] [-+]? [0-9]+)?
ws ::= [ \t\n]{0,20}
"""  # noqa: E501 - a rule ends with its line


def call_grammar(tools: Sequence[Tool]) -> Grammar:
    """What a call must look like, once one is begun."""
    names = " | ".join(f'"\\"{tool.name}\\""' for tool in tools)
    return Grammar(rules=_CALL_RULES.replace("@NAMES@", names), after="<tool_call>")


def as_json(tool: Tool) -> dict[str, object]:
    """A tool as templates expect it."""
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        },
    }


def in_words(messages: list[dict[str, object]], tools: Sequence[Tool]) -> list[dict[str, object]]:
    """The conversation without tools' own messages: what they say becomes text of the others."""
    shown: list[dict[str, object]] = []
    for message in messages:
        content = str(message["content"])
        calls = cast("list[Mapping[str, object]]", message.get("tool_calls", []))
        if message["role"] == ChatRole.TOOL:
            response = f"<tool_response>\n{content}\n</tool_response>"
            if shown and shown[-1].get("is_response"):
                shown[-1]["content"] = f"{shown[-1]['content']}\n{response}"
            else:
                shown.append({"role": "user", "content": response, "is_response": True})
        elif calls:
            parts = [content] if content else []
            texts = parts + [_call(call) for call in calls]
            shown.append({"role": "assistant", "content": "\n".join(texts)})
        else:
            shown.append(message)
    return _introduced(shown, tools) if tools else shown


def _introduced(shown: list[dict[str, object]], tools: Sequence[Tool]) -> list[dict[str, object]]:
    listed = "\n".join(json.dumps(as_json(tool), ensure_ascii=False) for tool in tools)
    introduction = _INTRODUCTION.format(tools=listed)
    if shown and shown[0]["role"] == ChatRole.SYSTEM:
        head = {**shown[0], "content": f"{shown[0]['content']}\n\n{introduction}"}
        return [head, *shown[1:]]
    return [{"role": "system", "content": introduction}, *shown]


def _call(call: Mapping[str, object]) -> str:
    function = cast("Mapping[str, object]", call["function"])
    text = json.dumps(function, ensure_ascii=False)
    return f"<tool_call>\n{escaped_placeholders(text)}\n</tool_call>"
