"""Writes the settings of the VS Code extension's manifest from the server's own schema.

    python .ci/vscode_manifest.py    rewrites `contributes.configuration` of editors/vscode

The server's settings come from `docs/configuration.schema.json`, which comes from `lsp/options.py`.
Only those that choose the server itself are written here. A test compares manifest and schema.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "docs" / "configuration.schema.json"
MANIFEST = ROOT / "editors" / "vscode" / "package.json"

MACHINE = "machine"
"""The scope of what a workspace must not choose: it is read from the user's settings alone."""

USERS_OWN = {"actions.custom", "chat.allowedCommands"}
"""Besides the whole group `model`: settings that a folder must not make."""

SERVER = {
    "path": "The server's program, such as `~/sotto/.venv/bin/sotto`: an absolute path, or one "
    "that starts with `~`. Without it `sotto` is looked for on `PATH`, then where the extension "
    "has installed it.",
    "source": "What `pip` installs the server from: a wheel, a folder with the project, or "
    "anything else `pip install` takes. Without it the server that came with the extension.",
    "python": "The Python (3.11 or newer) the server is installed with. Without it the first one "
    "on `PATH` that will do.",
}


def configuration() -> list[dict[str, Any]]:
    """The manifest's `contributes.configuration`: one section for each group of settings."""
    own = {
        f"sotto.server.{key}": {
            "type": "string",
            "default": "",
            "scope": MACHINE,
            "markdownDescription": description,
        }
        for key, description in SERVER.items()
    }
    sections = [{"title": "Server", "properties": own}]
    definitions = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    for group, reference in definitions["Options"]["properties"].items():
        options = definitions[present(reference)["$ref"].rpartition("/")[2]]
        properties = {
            f"sotto.{group}.{key}": setting(option, scope(group, key), definitions)
            for key, option in options["properties"].items()
        }
        sections.append({"title": title(group), "properties": properties})
    return sections


def scope(group: str, key: str) -> str:
    """Who may choose a setting: a workspace neither the model nor what may be run."""
    return MACHINE if group == "model" or f"{group}.{key}" in USERS_OWN else "window"


def setting(option: dict[str, Any], scope: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """One option as VS Code's settings editor shows it."""
    schema = dict(present(option))
    reference = schema.get("items", {}).get("$ref")
    if reference is not None:
        schema["items"] = definitions[reference.rpartition("/")[2]]
    default = option["default"]
    description = schema.pop("description")
    kind = schema.pop("type", None) or "string"  # a choice has values and no type
    if kind == "string" and default is None:
        default = ""  # VS Code edits no string that may be null; the extension sends none of these
        schema.pop("minLength", None)
    return {
        "type": [kind, "null"] if default is None else kind,
        **schema,
        "default": default,
        "scope": scope,
        "markdownDescription": description,
    }


def present(option: dict[str, Any]) -> dict[str, Any]:
    """What an option is if it is given at all."""
    (schema,) = (kind for kind in option["anyOf"] if kind.get("type") != "null")
    return schema


def title(group: str) -> str:
    """`inlineCompletion` → `Inline Completion`."""
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in group)
    return words[0].upper() + words[1:]


def manifest() -> str:
    """The text of the manifest as it has to be."""
    content = json.loads(MANIFEST.read_text(encoding="utf-8"))
    content["contributes"]["configuration"] = configuration()
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    MANIFEST.write_text(manifest(), encoding="utf-8")
