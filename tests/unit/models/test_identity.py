from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from inference.errors import ModelNotFoundError
from inference.models import identity as module
from inference.models.identity import model_identity
from inference.models.summary import inspect_model
from tests.support.gguf_files import tiny_model, u32


def identity(path: Path) -> str:
    return model_identity(inspect_model(path))


def change_byte(path: Path, position: int) -> None:
    """In place, and with the time of its last change restored."""
    stat = path.stat()
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny_model(seed=1).to_bytes())
    return path


@pytest.fixture
def large(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that counts as large."""
    monkeypatch.setattr(module, "SMALL_BYTES", 1000)
    monkeypatch.setattr(module, "_SAMPLE_BYTES", 16)
    return path


def test_a_small_file_is_its_content(path: Path, tmp_path: Path) -> None:
    first = identity(path)
    copy = tmp_path / "copy.gguf"
    shutil.copyfile(path, copy)
    assert identity(copy) == first
    change_byte(path, path.stat().st_size - 100)
    assert identity(path) != first


def test_a_large_file_is_known_by_its_header(large: Path) -> None:
    first = identity(large)
    assert identity(large) == first
    summary = inspect_model(large)
    # Inside a text of the vocabulary, so that it stays a valid header.
    position = large.read_bytes().index(b"crafted")
    assert position < summary.files[0].header_bytes
    change_byte(large, position)
    assert identity(large) != first


def test_a_large_file_is_known_by_its_samples(large: Path) -> None:
    first = identity(large)
    change_byte(large, large.stat().st_size - 1)
    assert identity(large) != first


def test_a_large_file_that_was_touched_is_another(large: Path) -> None:
    first = identity(large)
    stat = large.stat()
    os.utime(large, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1000))
    assert identity(large) != first


def test_all_parts_count(tmp_path: Path) -> None:
    def part(number: int) -> Path:
        return tmp_path / f"m-{number:05d}-of-00002.gguf"

    whole = tiny_model(seed=1)
    half = len(whole.tensors) // 2
    for number, tensors in ((1, whole.tensors[:half]), (2, whole.tensors[half:])):
        gguf = whole.__class__(
            metadata=whole.having(split__count=u32(2), split__no=u32(number - 1)).metadata,
            tensors=tensors,
            seed=number,
        )
        part(number).write_bytes(gguf.to_bytes())
    summary = inspect_model(part(1))
    assert len(summary.files) == 2
    first = model_identity(summary)
    change_byte(part(2), part(2).stat().st_size - 100)
    assert model_identity(summary) != first
    part(2).unlink()
    with pytest.raises(ModelNotFoundError):
        model_identity(summary)
