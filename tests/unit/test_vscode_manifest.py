"""The VS Code extension's manifest agrees with the server and with the code beside it."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lsp.option_types import group_types

ROOT = Path(__file__).resolve().parent.parent.parent
EXTENSION = ROOT / "editors" / "vscode"


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "vscode_manifest", ROOT / ".ci" / "vscode_manifest.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return json.loads((EXTENSION / "package.json").read_text("utf-8"))


def settings(manifest: dict[str, Any]) -> dict[str, Any]:
    sections = manifest["contributes"]["configuration"]
    return {key: value for section in sections for key, value in section["properties"].items()}


def test_its_settings_are_the_servers_own(writer: ModuleType) -> None:
    text = (EXTENSION / "package.json").read_text("utf-8")
    assert text == writer.manifest(), "run `make docs`"


def test_every_option_of_the_server_is_there(manifest: dict[str, Any]) -> None:
    of_server = {f"sotto.{group}.{key}" for group, keys in group_types().items() for key in keys}
    own = {f"sotto.server.{key}" for key in ("path", "source", "python")}
    assert settings(manifest).keys() == of_server | own


def test_a_workspace_chooses_neither_server_nor_model_nor_commands_nor_instructions(
    manifest: dict[str, Any],
) -> None:
    own = ("sotto.server.", "sotto.model.", "sotto.actions.custom", "sotto.chat.allowedCommands")
    for key, setting in settings(manifest).items():
        is_guarded = key.startswith(own)
        assert setting["scope"] == ("machine" if is_guarded else "window"), key
    restricted = manifest["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]
    assert {key for key in restricted if key in settings(manifest)} == set(restricted)


def test_commands_are_those_that_are_registered(manifest: dict[str, Any]) -> None:
    code = "".join(path.read_text("utf-8") for path in (EXTENSION / "src").rglob("*.ts"))
    registered = set(re.findall(r"^\s+'(sotto\.\w+)': \(\) =>", code, flags=re.MULTILINE))
    registered |= set(re.findall(r"registerCommand\('(sotto\.[\w.]+)'", code))
    named = {command["command"] for command in manifest["contributes"]["commands"]}
    assert named == registered


def test_no_key_takes_tab_or_works_without_the_server(manifest: dict[str, Any]) -> None:
    for binding in manifest["contributes"]["keybindings"]:
        assert "tab" not in binding["key"]
        assert binding["when"].startswith("sotto.running && editorTextFocus")
        assert "!suggestWidgetVisible" in binding["when"]
