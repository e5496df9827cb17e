"""The demonstration itself: the real server, the built-in model, no orphans."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.e2e


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def test_ghost_text_comes_and_nothing_is_left_behind() -> None:
    done = run_demo()
    assert done.returncode == 0, done.stderr
    assert "logger = " in done.stdout
    assert "type-through, no model" in done.stdout
    assert "keys, " in done.stdout
    assert "\x1b" not in done.stdout
    left = [p for p in psutil.process_iter(["cmdline"]) if p.ppid() == os.getpid()]
    assert not [p for p in left if "serve" in (p.info["cmdline"] or [])]


def test_a_model_that_cannot_be_used_is_said_in_one_sentence(tmp_path: Path) -> None:
    model = tmp_path / "none.gguf"
    done = run_demo("--model", str(model))
    assert done.returncode == 1
    assert str(model) in done.stderr
    assert "Traceback" not in done.stderr
