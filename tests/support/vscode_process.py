"""Starts VS Code's server with a profile of its own and the project's extension installed in it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
START_TIMEOUT_S = 90.0

CALM: dict[str, object] = {
    # What would draw, ask or start something that no test is about.
    "chat.disableAIFeatures": True,
    "editor.minimap.enabled": False,
    "editor.wordBasedSuggestions": "off",
    "extensions.ignoreRecommendations": True,
    "editor.unusualLineTerminators": "off",  # else a dialog asks about them
    "files.autoSave": "off",
    "git.enabled": False,
    "telemetry.telemetryLevel": "off",
    "workbench.enableExperiments": False,
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "workbench.welcomePage.walkthroughs.openOnInstall": False,
}


@dataclass(frozen=True)
class Programs:
    """What `.ci/vscode.py` finds."""

    node: str
    code_server: str
    chromium: str

    @staticmethod
    def find() -> Programs:
        """Raises AssertionError where one is absent."""
        return Programs(**json.loads(_ci("vscode.py", "--where")))


def build_extension() -> Path:
    """The VSIX, as `make vsix` builds it."""
    return Path(_ci("vsix.py"))


def sotto_program() -> Path:
    """The server as it is installed in this environment."""
    return Path(sys.executable).parent / "sotto"


def _ci(script: str, *arguments: str) -> str:
    command = [sys.executable, str(ROOT / ".ci" / script), *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise AssertionError(f"run `make editors` first. {result.stderr.strip()}")
    return result.stdout.strip()


class Profile:
    """A home folder for one VS Code: its settings, its extensions and everything it writes."""

    def __init__(
        self,
        programs: Programs,
        folder: Path,
        *,
        is_trusting: bool = True,
        path: str = "",
    ) -> None:
        """`is_trusting`: folders are trusted without a question. `path`: the user's own `PATH`."""
        self._programs = programs
        self._folder = folder
        self._path = path
        self._serving = [*_SERVING, "--disable-workspace-trust"] if is_trusting else _SERVING
        self.data = folder / "data"
        self.user_settings = self.data / "User" / "settings.json"
        self.machine_settings = self.data / "Machine" / "settings.json"
        folder.mkdir(parents=True, exist_ok=True)
        self.write_settings()

    def write_settings(
        self, user: Mapping[str, object] | None = None, machine: Mapping[str, object] | None = None
    ) -> None:
        """Replace the settings; VS Code notices when it runs.

        It is a remote VS Code to the browser: what must not come from a workspace it reads from the
        remote machine's settings.
        """
        _write_json(self.user_settings, CALM | dict(user or {}))
        _write_json(self.machine_settings, dict(machine or {}))

    def settings(self) -> dict[str, object]:
        """The user's settings as they are on the disk now."""
        return json.loads(self.user_settings.read_text(encoding="utf-8"))

    def change_machine_settings(self, changes: Mapping[str, object]) -> None:
        settings = json.loads(self.machine_settings.read_text(encoding="utf-8"))
        _write_json(self.machine_settings, settings | changes)

    def install(self, vsix: Path) -> None:
        """Install an extension as a user would from a file."""
        command = [*self._command(), "--install-extension", str(vsix)]
        result = subprocess.run(
            command, capture_output=True, text=True, env=self._environment(), timeout=120
        )
        assert "was successfully installed" in result.stdout, result.stdout + result.stderr

    def installed_server(self) -> Path:
        """Where the extension keeps note of the server it has installed."""
        return self.data / "User" / "globalStorage" / "sotto.sotto" / "server" / "current.json"

    def start(self) -> VSCodeProcess:
        return VSCodeProcess([*self._command(), *self._serving], self._environment(), self._folder)

    def _command(self) -> list[str]:
        extensions = str(self._folder / "extensions")
        folders = ["--user-data-dir", str(self.data), "--extensions-dir", extensions]
        return [self._programs.node, self._programs.code_server, *folders]

    def _environment(self) -> dict[str, str]:
        home = self._folder / "home"
        home.mkdir(exist_ok=True)
        kept = {name: os.environ[name] for name in ("LANG", "TZ") if name in os.environ}
        if self._path:
            # VS Code asks the user's login shell for it.
            (home / ".profile").write_text(f"export PATH={shlex.quote(self._path)}\n")
            kept["SHELL"] = "/bin/sh"
        return kept | {"HOME": str(home), "PATH": "/usr/bin:/bin"}


_SERVING = [
    "--auth=none",
    "--bind-addr=127.0.0.1:0",
    "--disable-telemetry",
    "--disable-update-check",
    "--disable-getting-started-override",
    "--reconnection-grace-time=5",
]


class VSCodeProcess:
    """A VS Code server that serves its workbench to a browser on this machine."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self._log = folder / "code-server.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not (found := re.search(r"listening on (http://\S+?)/?\s", self._read_log())):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"VS Code did not start:\n{self._read_log()}")
            time.sleep(0.05)
        self.address = found[1]

    def sotto_servers(self) -> list[psutil.Process]:
        """The language servers that run below it now."""
        return [process for process in self._children() if _is_sotto(process)]

    def stop(self) -> None:
        """End it and all that it has started."""
        family = self._children()
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _, alive = psutil.wait_procs(family, timeout=1)
        for process in alive:
            process.kill()

    def _children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _read_log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")


def _is_sotto(process: psutil.Process) -> bool:
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return any(Path(word).name == "sotto" for word in words) and "serve" in words


def _write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
