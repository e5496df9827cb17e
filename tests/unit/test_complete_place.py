"""`FILE:LINE:COL` → a snapshot, or a sentence that says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsp.complete import PlaceError, read_place

TEXT = b"one\r\ntwo\rth\xc3\xa9\x0cree\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a:b.py"
    path.write_bytes(TEXT)
    return path


@pytest.mark.parametrize(
    ("place", "line_prefix", "line_suffix"),
    [
        ("1:1", "", "one"),
        ("1:3", "on", "e"),
        ("1", "one", ""),
        ("2:4", "two", ""),
        ("3:4", "thé", "\x0cree"),
        ("4", "", ""),
    ],
)
def test_a_place_is_a_cursor(file: Path, place: str, line_prefix: str, line_suffix: str) -> None:
    snapshot = read_place(f"{file}:{place}")
    assert (snapshot.line_prefix, snapshot.line_suffix) == (line_prefix, line_suffix)
    assert snapshot.text == TEXT.decode()
    assert snapshot.language_id == "python"


def test_a_bom_takes_no_column(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"\xef\xbb\xbfone\n")
    snapshot = read_place(f"{path}:1:3")
    assert (snapshot.prefix, snapshot.suffix) == ("on", "e\n")


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        ("5:1", "has 4 lines; there is no line 5"),
        ("0:1", "there is no line 0"),
        ("1:5", "has 3 characters; column 5 is not between 1 and 4"),
        ("1:0", "column 0 is not between"),
    ],
)
def test_a_place_outside_the_text(file: Path, place: str, complaint: str) -> None:
    with pytest.raises(PlaceError, match=complaint):
        read_place(f"{file}:{place}")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes(b"a = '\xe9'\n")
    with pytest.raises(PlaceError, match="is not UTF-8: byte 5"):
        read_place(f"{tmp_path}/latin.py:1")
    with pytest.raises(PlaceError, match="cannot be read: No such file"):
        read_place(f"{tmp_path}/missing.py:1")
    with pytest.raises(PlaceError, match="cannot be read: Is a directory"):
        read_place(f"{tmp_path}:1")
    with pytest.raises(PlaceError, match="is not FILE:LINE:COL"):
        read_place("app.py")
