"""What is remembered of models that were tried: never an error, whatever the file holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.verdicts import Verdict, Verdicts

BAD = Verdict("the runtime ended with SIGABRT")


def test_a_verdict_is_remembered_and_replaced(tmp_path: Path) -> None:
    file = tmp_path / "not" / "yet" / "there.json"
    assert Verdicts(file).get("a") is None
    Verdicts(file).put("a", BAD)
    Verdicts(file).put("b", Verdict())
    assert Verdicts(file).get("a") == BAD
    assert Verdicts(file).get("b") == Verdict()
    Verdicts(file).put("a", Verdict())
    assert Verdicts(file).get("a") == Verdict()
    assert [path.name for path in file.parent.iterdir()] == ["there.json"]


def test_the_oldest_are_forgotten(tmp_path: Path) -> None:
    verdicts = Verdicts(tmp_path / "v.json")
    for i in range(300):
        verdicts.put(f"key {i}", Verdict("x" * 300))
    assert verdicts.get("key 0") is None
    assert verdicts.get("key 43") is None
    assert verdicts.get("key 44") is not None
    assert (tmp_path / "v.json").stat().st_size < 150_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"entries": 3}',
        b'{"entries": [{"key": "a"}]}',
        b'{"entries": [{"key": "a", "verdict": {"failure": 1}}]}',
        b'{"entries": [{"key": "a", "verdict": {}}]}' + b" " * 2**20,
    ],
)
def test_nonsense_is_no_verdict_and_is_replaced(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "v.json"
    file.write_bytes(content)
    assert Verdicts(file).get("a") is None
    Verdicts(file).put("a", BAD)
    assert Verdicts(file).get("a") == BAD


def test_where_nothing_can_be_written_nothing_is_remembered(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    verdicts = Verdicts(in_the_way / "v.json")
    verdicts.put("a", BAD)
    assert verdicts.get("a") is None
    folder = tmp_path / "v.json"
    folder.mkdir()
    Verdicts(folder).put("a", BAD)
    assert Verdicts(folder).get("a") is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "v.json"]


def test_nothing_is_read_from_or_written_into_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Verdicts(tmp_path / "v.json").put("a", Verdict())
    monkeypatch.chdir(tmp_path)
    verdicts = Verdicts(Path("v.json"))
    assert verdicts.get("a") is None
    verdicts.put("b", Verdict())
    assert Verdicts(tmp_path / "v.json").get("b") is None
