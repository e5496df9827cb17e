"""Where an edit's region begins and ends, and which commits are edits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.edits import EditsError, edits_of, main, place, read_edits

HEAD = "import os\n\nA = 1\nB = 2\nC = 3\nD = 4\n\n"
FUNCTION = "def f(x):\n    y = x\n    return y\n"
TAIL = "\n\ndef g():\n    pass\n"


def test_the_region_is_the_function_around_the_change() -> None:
    new = FUNCTION.replace("y = x", "y = 2 * x\n    y += 1")
    found = place(HEAD + FUNCTION + TAIL, HEAD + new + TAIL, "python")
    assert found == ("function", HEAD, FUNCTION, new, TAIL)


def test_outside_functions_and_in_long_ones_it_is_the_changed_lines() -> None:
    found = place(HEAD + FUNCTION, HEAD.replace("D = 4", "D = 5") + FUNCTION, "python")
    assert found is not None
    assert found[0] == "lines"
    assert found[2] == "A = 1\nB = 2\nC = 3\nD = 4\n\ndef f(x):\n    y = x\n"
    assert found[3] == found[2].replace("4", "5")
    long = "def f():\n" + "    pass\n" * 30 + "    old()\n" + "    pass\n" * 30
    found = place(long, long.replace("old", "new"), "python")
    assert found is not None
    assert found[0] == "lines"
    assert found[2] == "    pass\n" * 3 + "    old()\n" + "    pass\n" * 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a = 1\n", "a = 1\n"),
        ("", "a = 1\n"),
        ("a = 1\r\n", "a = 2\r\n"),
        ("a = 1\n" + "b = 2\n" * 9 + "c = 3\n", "a = 2\n" + "b = 2\n" * 9 + "c = 4\n"),
        ("a = 1\n" * 80, "b = 2\n" * 80),
        ("a = 1\n", f"a = '{'x' * 500}'\n"),
    ],
    ids=["none", "empty", "carriage returns", "two places", "too long", "long line"],
)
def test_what_is_no_edit_in_one_place_is_left_out(old: str, new: str) -> None:
    assert place(old, new, "python") is None


def test_a_corpus_is_made_from_a_repository(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for number, text in enumerate(
        (FUNCTION, FUNCTION.replace("y = x", "y = 2 * x"), "rewritten\n")
    ):
        (folder / "a.py").write_text(text)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", f"Change {number}\n\nWhy.")
    corpus = tmp_path / "edits.jsonl"
    assert main([str(folder), "--out", str(corpus), "--each", "5"]) == 0
    newest, oldest = read_edits(corpus)
    assert (newest.repository, newest.message, newest.new) == ("project", "Change 2", "rewritten\n")
    assert (oldest.region, oldest.old) == ("function", FUNCTION)
    assert oldest.before + oldest.new + oldest.after == FUNCTION.replace("y = x", "y = 2 * x")


def test_a_folder_without_history_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EditsError, match="not a git repository"):
        list(edits_of(tmp_path))
    with pytest.raises(EditsError, match="says how to make it"):
        read_edits(tmp_path / "absent.jsonl")


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True)
