"""What is read in an answer, where its forms touch each other."""

from __future__ import annotations

import pytest

from lsp.replies.reading import Block, read_reply, read_text
from lsp.replies.replacements import Replacement

SWAP = "<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE\n"
SWAPPED = (Replacement("old\n", "new\n"),)


def test_a_diff_of_two_files_is_a_block_for_each() -> None:
    diff = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-old\n+new\n--- /dev/null\n+++ b/b.py\n@@\n+x\n"
    first, second = read_text(f"```diff\n{diff}```").blocks
    assert (first.path, first.replacements) == ("a.py", SWAPPED)
    assert (second.path, second.replacements) == ("b.py", (Replacement("", "x\n"),))


def test_a_comment_that_looks_like_a_diffs_head_is_a_line() -> None:
    (block,) = read_text("```diff\n@@ -1,2 +1 @@\n--- a comment\n-old\n+new\n```").blocks
    assert block.replacements == (Replacement("-- a comment\nold\n", "new\n"),)


def test_files_named_inside_a_fence_part_it() -> None:
    first, second = read_text(f"```\na.py\n{SWAP}b.py\n{SWAP}{SWAP}```").blocks
    assert (first.path, first.replacements) == ("a.py", SWAPPED)
    assert (second.path, second.replacements) == ("b.py", SWAPPED * 2)


def test_a_deeper_divider_is_text() -> None:
    text = "<<<<<<< SEARCH\n    Title\n    =====\n=======\n    Name\n>>>>>>> REPLACE\n"
    (block,) = read_text(text).blocks
    assert block.replacements == (Replacement("    Title\n    =====\n", "    Name\n"),)


def test_a_block_in_a_block() -> None:
    text = "# a\n```python\nx = 1\n```\nend"
    (block,) = read_text(f"a.md\n```markdown\n{text}\n```\n").blocks
    assert block == Block(text, "markdown", "a.md")


def test_marks_of_thoughts_in_code_are_text_once_the_thoughts_are_gone() -> None:
    text = '```python\nEND = "</think>"\n```'
    assert read_text(text).code[0].text == 'END = "</think>"'
    assert read_reply(f"<think>\nHm.\n</think>\n{text}").code[0].text == 'END = "</think>"'


@pytest.mark.parametrize(
    "text",
    [SWAP[:-20], f"```\n{SWAP[:-20]}\n```", "<think>Hm. ```python\nx\n```", "```diff\n-old\n+new"],
)
def test_what_was_cut_off_is_unfinished(text: str) -> None:
    assert read_reply(text).is_unfinished


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("a.py", "a.py"),
        ("### **src/a.py**:", "src/a.py"),
        ("// File: a.ts", "a.ts"),
        ("2. `a.py`", "a.py"),
        ("**a.py:**", "a.py"),
        ("/etc/x.conf", "/etc/x.conf"),
        ("I change a.py", ""),
        ("e.g.", ""),
    ],
)
def test_the_line_before_may_name_the_file(line: str, path: str) -> None:
    (block,) = read_text(f"{line}\n```\nx = 1\n```").blocks
    assert block.path == path


@pytest.mark.parametrize(
    ("info", "language", "path"),
    [
        ("python", "python", ""),
        ("python:src/a.py", "python", "src/a.py"),
        ('py title="a.py"', "py", "a.py"),
        ("src/a.py", "", "src/a.py"),
        ("python3.11", "python3.11", ""),
    ],
)
def test_a_fence_says_its_language_and_file(info: str, language: str, path: str) -> None:
    (block,) = read_text(f"```{info}\nx = 1\n```").blocks
    assert (block.language, block.path) == (language, path)
