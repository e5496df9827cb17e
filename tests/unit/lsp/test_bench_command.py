"""`sotto bench` where Sotto was installed without its source."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsp import bench_command


def test_without_the_source_it_says_where_to_run_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(bench_command, "_SOURCE", tmp_path)
    assert bench_command.bench("actions", []) == 1
    assert "run it in a clone" in capsys.readouterr().err
