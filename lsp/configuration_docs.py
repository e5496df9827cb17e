"""Writes `docs/configuration.md` and its JSON Schema from the options' and settings' Structs.

`python -m lsp.configuration_docs` writes both; a test compares them with what is written here.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from lsp.option_types import OptionType, group_types
from lsp.options import Options
from lsp.settings import Settings

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "configuration.md"
SCHEMA = DOCS / "configuration.schema.json"

_INTRODUCTION = """\
# Configuration

<!-- Written by `python -m lsp.configuration_docs` from `lsp/options.py` and `lsp/settings.py`. -->

Everything is optional. A key that is unknown or has a wrong value is named in one message, with
what was expected, and keeps its default; all others count.

Settings come from three places, a later one winning key by key:

1. the defaults below;
2. `initializationOptions`, sent once when the editor starts the server;
3. the section `sotto` of the editor's settings: asked for with `workspace/configuration` after
   start-up and whenever the editor says that something changed; editors that do not answer that
   question push the section with `workspace/didChangeConfiguration`.

They hold the keys below as nested objects (`{"inlineCompletion": {"maxLines": 8}}`) or dotted
(`{"inlineCompletion.maxLines": 8}`), with or without an outer `sotto`. `sotto serve --model` and
`--log-level` win over all of them. A JSON Schema is in
[configuration.schema.json](configuration.schema.json).

A change takes effect with the next request. A change under `model` loads the model anew, without
a restart; until it is ready, requests are answered empty.

"""

_SECURITY = """\
## What an opened folder may not do

Editors merge a folder's own settings into yours before the server sees them, so it cannot tell
which is whose. Therefore what arrives after start-up can do no harm of this kind:

- `model.path` and `model.draftPath` are refused if they lie inside an open workspace folder
  (symbolic links are followed) or on a network share: a folder that someone else made must not
  choose the file that is loaded. `initializationOptions` and `--model` may name any file.
- `model.threads` counts only up to the number of processors, as more would stop the model; the
  editor's log for Sotto says so.
- Where the log goes is said on the command line only (`--log-file`). No level that a setting can
  choose logs your text; `--log-level debug` on the command line may quote some in the message of
  an unforeseen error.
- No setting names a program to run or an address to connect to.
"""


def page() -> str:
    """The text of `docs/configuration.md`."""
    parts = [_INTRODUCTION]
    defaults = Settings()
    for key, group in group_types().items():
        values = getattr(defaults, group.group_name)
        parts.append(f"## `{key}`\n\n{group.doc}\n\n")
        parts.append("| key | type | default | what it does |\n|---|---|---|---|\n")
        parts.extend(
            _row(f"{key}.{option.key}", option, getattr(values, option.name))
            for option in group.values()
        )
        parts.append("\n")
    parts.append(_SECURITY)
    return "".join(parts)


def schema() -> str:
    """The text of `docs/configuration.schema.json`: draft 2020-12, without outer `sotto`.

    Its defaults are the settings' own; on the wire every option may be absent or null.
    """
    content = msgspec.json.schema(Options)
    defaults = Settings()
    for key, group in group_types().items():
        (reference,) = (
            kind["$ref"]
            for kind in content["$defs"]["Options"]["properties"][key]["anyOf"]
            if "$ref" in kind
        )
        properties = content["$defs"][reference.rpartition("/")[2]]["properties"]
        for option in group.values():
            value: object = getattr(getattr(defaults, group.group_name), option.name)
            properties[option.key]["default"] = value
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"  # a tuple is a list there


def _row(key: str, option: OptionType, default: object) -> str:
    shown = "–" if default is None else f"`{json.dumps(default, default=list)}`"
    return f"| `{key}` | {option.expected} | {shown} | {option.description} |\n"


def write() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    SCHEMA.write_text(schema(), encoding="utf-8")


if __name__ == "__main__":
    write()
