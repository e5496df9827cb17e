"""A home folder for a Helix of the tests: its configuration, a project, what is written down."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.nvim_process import ROOT, sotto_command

PLUGIN = ROOT / "editors" / "helix"


@dataclass(frozen=True)
class Profile:
    """A home folder for one Helix, with a project beside it."""

    folder: Path

    @staticmethod
    def make(
        folder: Path,
        *,
        server: list[str] | None = None,
        settings: Mapping[str, object] | None = None,
        beside: tuple[str, list[str]] | None = None,
        pipe: str = "sotto pipe",
    ) -> Profile:
        """The configuration is the one in `editors/helix`, with the checkout's own server behind a
        `wire_tap`. `settings` are the server's, as dotted keys; `beside` is the name and command
        of another server for Python, `pipe` the shell's command that rewrites."""
        profile = Profile(folder)
        profile.project.mkdir(parents=True, exist_ok=True)
        tap = [sys.executable, "-m", "tests.support.wire_tap", str(profile.wire)]
        profile.write_configuration([*tap, *(server or sotto_command())], settings or {})
        keys = (PLUGIN / "config.toml").read_text(encoding="utf-8")
        keys = keys.replace("sotto pipe 2", f"{pipe} 2")
        (profile.configuration / "config.toml").write_text(keys)
        if beside is not None:
            profile.add_server(*beside)
        return profile

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def wire(self) -> Path:
        return self.folder / "wire.jsonl"

    @property
    def configuration(self) -> Path:
        return self.folder / "config" / "helix"

    def write_configuration(self, server: list[str], settings: Mapping[str, object]) -> None:
        self.configuration.mkdir(parents=True, exist_ok=True)
        text = (PLUGIN / "languages.toml").read_text(encoding="utf-8")
        command = f"command = {json.dumps(server[0])}\nargs = {json.dumps(server[1:])}\n"
        text = text.replace('command = "sotto"\nargs = ["serve"]\n', command)
        text = text.replace('{ PYTHONPATH = "" }', f"{{ PYTHONPATH = {json.dumps(str(ROOT))} }}")
        lines = "".join(f"{key} = {_toml(value)}\n" for key, value in settings.items())
        text = text.replace(
            "[language-server.sotto.config]\n", "[language-server.sotto.config]\n" + lines
        )
        (self.configuration / "languages.toml").write_text(text)

    def add_server(self, name: str, command: list[str]) -> None:
        path = self.configuration / "languages.toml"
        text = path.read_text().replace('"pylsp"', json.dumps(name))
        text += f"\n[language-server.{name}]\n"
        text += f"command = {json.dumps(command[0])}\nargs = {json.dumps(command[1:])}\n"
        path.write_text(text)

    def variables(self) -> dict[str, str]:
        names = ("CONFIG", "DATA", "STATE", "CACHE")
        return {"HOME": str(self.folder)} | {
            f"XDG_{name}_HOME": str(self.folder / name.lower()) for name in names
        }


def _toml(value: object) -> str:
    """As TOML writes it. JSON has the same strings, numbers and lists, but no tables."""
    return re.sub(r'"(\w+)": ', r'"\1" = ', json.dumps(value))
