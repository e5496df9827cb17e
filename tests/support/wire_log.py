"""What `wire_tap` wrote down: the messages between an editor and its server."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    params: Json
    result: Any
    error: Json | None
    sent_s: float
    """By the machine's monotonic clock, as is the next one."""
    answered_s: float


class WireLog:
    """Reads the file anew each time, as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def messages(self) -> list[tuple[str, Json]]:
        """What went over the wire, with the sender."""
        return [(line["from"], line["message"]) for line in self._lines()]

    def notifications(self, method: str) -> list[Json]:
        return [
            message["params"]
            for _, message in self.messages()
            if message.get("method") == method and "id" not in message
        ]

    def exchanges(self, method: str) -> list[Exchange]:
        """The editor's requests that were answered, in the order of the answers."""
        waiting: dict[object, Json] = {}
        found: list[Exchange] = []
        for line in self._lines():
            message = line["message"]
            if line["from"] == "editor" and message.get("method") == method:
                waiting[message.get("id")] = line  # a server that was started anew counts anew
            elif line["from"] == "server" and "method" not in message:
                asked = waiting.pop(message.get("id"), None)
                if asked is not None:
                    found.append(_exchange(asked, line))
        return found

    @contextlib.contextmanager
    def held(self) -> Generator[None]:
        """Meanwhile what the server says is written down, and reaches the editor afterwards."""
        hold = self._path.with_name(f"{self._path.name}.hold")
        hold.touch()
        try:
            yield
        finally:
            hold.unlink()

    def is_open(self, path: Path) -> bool:
        opened = self.notifications("textDocument/didOpen")
        return any(params["textDocument"]["uri"] == path.as_uri() for params in opened)

    def _lines(self) -> list[Json]:
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        # The last line may be half written.
        return [json.loads(line) for line in text.rpartition("\n")[0].splitlines()]


def _exchange(asked: Json, answered: Json) -> Exchange:
    return Exchange(
        asked["message"]["params"],
        answered["message"].get("result"),
        answered["message"].get("error"),
        asked["at_s"],
        answered["at_s"],
    )
