"""What real editors say of themselves, as `tests/editors/record_clients.py` recorded it."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.protocol import default_converter

from lsp.capabilities import ClientCapabilities, read_capabilities

Json = dict[str, Any]

FOLDER = "/project"
"""Where the recorded editors' project is said to be."""
RECORDED = Path(__file__).resolve().parent.parent / "fixtures" / "clients"
NAMES = tuple(sorted(path.stem for path in RECORDED.glob("*.json")))


def initialize_params(name: str) -> Json:
    """A fresh copy of the parameters of a recorded editor's `initialize`."""
    return copy.deepcopy(_read(name))


@cache
def _read(name: str) -> Json:
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))


def as_read(params: Json) -> ClientCapabilities:
    """What the server understands of the parameters of an `initialize`."""
    said = {"processId": None, "rootUri": None, "capabilities": params["capabilities"]}
    return read_capabilities(default_converter().structure(said, types.InitializeParams))


def write_client(name: str, params: Json) -> Path:
    """Keep what was recorded, with sorted keys: the next recording shows what has changed."""
    path = RECORDED / f"{name}.json"
    text = json.dumps(params, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path
