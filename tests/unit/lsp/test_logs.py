"""What a log line holds, and what it does not."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference import InferenceError
from lsp import logs

logger = logging.getLogger("lsp.some_module")


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    """Puts back the handlers and levels that were there."""
    root, pygls = logging.getLogger(), logging.getLogger("pygls")
    handlers, level, pygls_level = root.handlers[:], root.level, pygls.level
    raises = logging.raiseExceptions
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    pygls.setLevel(pygls_level)
    logging.raiseExceptions = raises


def fail(error: Exception) -> None:
    try:
        raise error
    except Exception:
        logger.exception("It failed")


def test_lines(tmp_path: Path) -> None:
    file = tmp_path / "log"
    logs.configure(level="info", file=file)
    logger.info("Began.")
    logger.debug("Not this.")
    (line,) = file.read_text().splitlines()
    assert line.endswith("Z INFO    lsp.some_module: Began.")


def test_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "log"
    logs.configure(level="warning", file=file, as_json=True)
    logger.warning("One\nentry.")
    fail(ValueError("secret"))
    first, second = (json.loads(line) for line in file.read_text().splitlines())
    assert (first["level"], first["logger"]) == ("warning", "lsp.some_module")
    assert first["message"] == "One\nentry."
    assert second["exception"].endswith("ValueError")


@pytest.mark.parametrize(
    ("error", "is_quoted"),
    [(ValueError("secret"), False), (OSError("secret"), True), (InferenceError("secret"), True)],
)
def test_messages_of_exceptions(tmp_path: Path, error: Exception, *, is_quoted: bool) -> None:
    file = tmp_path / "log"
    logs.configure(level="info", file=file)
    fail(error)
    logs.set_level("debug")  # As a setting does; it must not reveal more of the same.
    fail(error)
    text = file.read_text()
    assert type(error).__name__ in text
    assert ("secret" in text) is is_quoted
    logs.configure(level="debug", file=file)
    fail(error)
    assert "secret" in file.read_text()


def test_pygls_is_silent(tmp_path: Path) -> None:
    file = tmp_path / "log"
    logs.configure(level="debug", file=file)
    logging.getLogger("pygls.protocol.json_rpc").error("the user's text")
    assert file.read_text() == ""


def test_the_file_does_not_grow_without_end(tmp_path: Path) -> None:
    file = tmp_path / "log"
    logs.configure(level="info", file=file)
    for _ in range(150):
        logger.info("x" * 100_000)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 11_000_000
    assert len(list(tmp_path.iterdir())) == 2
