"""Code actions: whatever a model answers, the text outside the region stays as it is."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lsp.actions.comprehension import comprehension_as_loop, loop_as_comprehension
from lsp.actions.fitting import Target, fit
from lsp.actions.instructing import propose
from lsp.actions.merging_tests import merged_tests
from lsp.actions.place import place_at
from lsp.actions.proposal import FaultyAnswerError
from lsp.actions.source_tree import tree_of, walk
from lsp.actions.works import Keeps, Rewrite
from lsp.changes import Span, apply, minimal, reanchored
from lsp.context.languages import language_of
from lsp.document import Snapshot
from lsp.markdown import fence_for
from lsp.replies.reading import read_reply, without_thoughts

PYTHON = language_of("python")
EOLS = st.sampled_from(["\n", "\r\n", "\r"])
LINES = st.text(alphabet="ab 😀é\t", max_size=5)


@st.composite
def regions(draw: st.DrawFn) -> tuple[str, Span, str]:
    """A text of mixed line endings, whole lines of it, and what they are to become."""
    lines = draw(st.lists(st.tuples(LINES, EOLS), min_size=1, max_size=8))
    text = "".join(line + eol for line, eol in lines) + draw(LINES)
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]
    first = draw(st.sampled_from(starts))
    end = draw(st.sampled_from([start for start in starts if start >= first]))
    following = re.compile(r"\r\n|\r|\n|\Z").search(text, end)
    assert following is not None
    new = "\n".join(draw(st.lists(LINES, min_size=1, max_size=6)))
    return text, Span(first, following.start()), new


def plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@example(("\n", Span(0, 1), "a\n\n"), "\r")
@given(regions(), EOLS)
def test_minimal_changes_make_the_new_text_and_touch_the_region_alone(
    given_: tuple[str, Span, str], eol: str
) -> None:
    text, region, new = given_
    changes = minimal(text, region, new, eol)
    result = apply(text, changes)
    assert all(change.span in region for change in changes)
    assert result.startswith(text[: region.start])
    assert result.endswith(text[region.end :])
    inner = result[region.start : len(result) - (len(text) - region.end)]
    assert plain(inner) == new
    for before, after in itertools.pairwise(changes):
        assert before.span.end < after.span.start
    for change in changes:  # No edit splits a line ending.
        for offset in (change.span.start, change.span.end):
            assert text[offset - 1 : offset + 1] != "\r\n"


@given(regions(), st.integers(0, 40), st.integers(0, 40), st.text("ab\n", max_size=6))
def test_changes_that_move_with_the_text_do_what_they_did(
    given_: tuple[str, Span, str], a: int, b: int, typed: str
) -> None:
    old, region, new = given_
    start, end = sorted((min(a, len(old)), min(b, len(old))))
    edited = old[:start] + typed + old[end:]
    changes = minimal(old, region, new, "\n")
    moved = reanchored(changes, old, edited, region)
    if not moved:
        return
    # The region is still there, word for word, and nothing else was changed.
    shift = moved[0].span.start - changes[0].span.start
    there = Span(region.start + shift, region.end + shift)
    assert there.cut(edited) == region.cut(old)
    assert apply(edited, moved)[: there.start] == edited[: there.start]
    assert apply(edited, moved).endswith(edited[there.end :])


SOURCE = '''\
import os


class Shape:
    """A shape."""

    def area(self, w, h):
        # In pixels.
        if w:
            return w * h
        return 0

    def name(self):
        return "😀"
'''
# fmt: off
FRAGMENTS = [
    "```python\n", "```\n", "~~~\n", "````\n", "```python:shapes.py\n", "```diff\n", "shapes.py\n",
    "<<<<<<< SEARCH\n", "=======\n", ">>>>>>> REPLACE\n", "@@ -1 +1 @@\n", "other.py\n",
    "<think>", "</think>\n", "Here is the code:\n", "\n", "import os\n", "import math\n",
    "class Shape:\n", '    """A shape."""\n', "    def area(self, w, h):\n",
    "        # In pixels.\n", "        if w:\n", "            return w * h\n",
    "        return 0\n", "        return 1\n", "def area(self, w, h):\n", "    return w\n",
    "    def name(self):\n", '        return "😀"\n', "\t\treturn 1\n", "\x00", "\u202e",
    "<tool_call>\n", '{"name": "x"}\n', "# ... existing code ...\n", "-    return 0\n"
]
# fmt: on
BODIES = st.lists(
    st.sampled_from(
        [
            "        return w * h\n",
            "        if w:\n            return h\n",
            "        w = h  # 😀\n",
            "        return math.tau\n",
            "    \n",
            "    return 1\n",
        ]
    ),
    max_size=4,
).map("".join)
ANSWERS = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join),
    st.text(max_size=40),
    st.tuples(st.sampled_from(["", "import math\n\n"]), BODIES).map(
        lambda parts: (
            f"```python\n{parts[0]}    def area(self, w, h):\n        # In pixels.\n{parts[1]}```"
        )
    ),
)


@given(ANSWERS)
def test_reading_an_answer_never_fails(answer: str) -> None:
    reply = read_reply(answer)
    for block in reply.blocks:
        assert block.text in plain(without_thoughts(answer))


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=10).map("".join), st.booleans())
def test_what_is_in_a_long_enough_fence_comes_out_again(text: str, has_prose: bool) -> None:
    text = text.replace("<think>", "").replace("</think>", "")
    code = "x = 1\n" + "".join(
        line for line in text.splitlines(keepends=True) if "SEARCH" not in line
    ).replace("```diff", "```text")
    fence = fence_for(code)
    answer = f"{fence}python\n{code}\n{fence}"
    reply = read_reply(f"Here:\n\n{answer}\n\nDone." if has_prose else answer)
    assert [block.text for block in reply.blocks] == [code]


@given(ANSWERS, st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_no_answer_changes_what_is_outside_the_region(answer: str, is_cut: bool, eol: str) -> None:
    text = SOURCE.replace("\n", eol)
    at = text.index("w * h")
    place = place_at(Snapshot("file:///shapes.py", 1, "python", text, at), Span(at, at))
    assert place.function is not None
    region = place.lines(place.function.span)
    work = Rewrite(region, "…", Keeps.COMMENTS | Keeps.NAMES)
    target = Target(place, region)
    try:
        proposal = propose(work, target, fit(read_reply(answer), target, is_cut=is_cut))
    except FaultyAnswerError:
        return
    result = apply(text, proposal.changes)
    assert result.endswith(text[region.end :])
    head = result.split(eol + "    def area")[0]
    added = [line for line in head.split(eol) if line not in text]
    assert all(line.startswith("import ") for line in added)
    assert "# In pixels." in result
    tree = tree_of(result, PYTHON)
    assert tree is not None
    assert tree.n_errors == 0
    assert "\r" not in result.replace("\r\n", "") if eol == "\r\n" else "\r" not in result


@given(st.text(alphabet="aé漢😀\ud800 =\n", max_size=30))
def test_offsets_and_bytes(text: str) -> None:
    tree = tree_of(text, PYTHON)
    assert tree is not None
    encoded = text.encode("utf-8", "replace")
    for node in walk(tree.root):
        piece = encoded[node.start_byte : node.end_byte].decode()
        assert tree.cut(node).encode("utf-8", "replace").decode() == piece


ELEMENTS = st.sampled_from(["x", "x * 2", "(x, 1)", "str(x)", "[x]", "-x", "x if x else 1"])
CONDITIONS = st.lists(st.sampled_from(["x", "x > 1", "x % 2 == 0", "not x"]), max_size=2)
VALUES = st.lists(st.integers(-3, 3), max_size=6)


def run(source: str, values: list[int]) -> Any:
    names: dict[str, Any] = {}
    exec(source, names)  # Our own lines, from above.
    return names["f"](values)


@given(ELEMENTS, CONDITIONS, VALUES)
def test_a_loop_and_its_comprehension_do_the_same(
    element: str, conditions: list[str], values: list[int]
) -> None:
    lines = ["def f(values):", "    result = []", "    for x in values:"]
    depth = 8
    for condition in conditions:
        lines.append(" " * depth + f"if {condition}:")
        depth += 4
    lines += [" " * depth + f"result.append({element})", "    return result", ""]
    source = "\n".join(lines)
    for convert, mark in ((loop_as_comprehension, "for x"), (comprehension_as_loop, "[")):
        at = source.index(mark)
        place = place_at(Snapshot("file:///a.py", 1, "python", source, at), Span(at, at))
        changes = convert(place)
        assert changes, source
        converted = apply(source, changes)
        assert converted != source
        assert run(converted, values) == run(source, values)
        source = converted


FILE_PARTS = st.sampled_from(
    ["import os\n", "from a import b\n", "def test_a():\n    pass\n", "X = 1\n", "# note\n", "\n",
     '"""Doc."""\n', "@mark\ndef test_b(c):\n\n    return c\n",
     'if __name__ == "__main__":\n    main()\n', "import os, sys\n", "class TestC:\n    y = 2\n"]
)  # fmt: skip


@given(st.lists(FILE_PARTS, max_size=6), st.lists(FILE_PARTS, max_size=6), EOLS, st.booleans())
def test_tests_are_added_and_what_was_there_stays(
    old_parts: list[str], new_parts: list[str], eol: str, chomp: bool
) -> None:
    old = "".join(old_parts)
    old = (old.removesuffix("\n") if chomp else old).replace("\n", eol)
    file = tree_of(old, PYTHON)
    assert file is not None
    try:
        changes = merged_tests(file, "".join(new_parts))
    except FaultyAnswerError:
        return
    assert all(change.span.start == change.span.end for change in changes)
    result = apply(old, changes)
    if eol in old:
        assert plain(result).count("\n") == result.count(eol)
    new = tree_of(result, PYTHON)
    assert new is not None
    assert new.n_errors <= file.n_errors
    before, after = names(old), names(result)
    assert {name: after[name] for name in before} == before, "each means what it did"


def names(text: str) -> Counter[str]:
    """What a module defines and how often."""
    return Counter(re.findall(r"^(?:def |class )?(\w+)(?= =|\(|:)", plain(text), re.MULTILINE))


RUNS = ["-", " ", "\n", ".", "(", "a", "~", "`", "- ", "<think>", "```\n", "<<<<<<< SEARCH\n", "a/"]


@given(
    st.sampled_from(["", "```", "```python\n", "# ", "```python\ndef area(self, w, h):\n    # "]),
    st.sampled_from(RUNS),
    st.sampled_from(["", "x", "\n```"]),
)
@settings(max_examples=40, deadline=None)
def test_runs_without_end_are_refused_like_anything_else(
    before: str, run_: str, after: str
) -> None:
    """Were any of it to take the square of the answer's length, this would not come to an end."""
    at = SOURCE.index("w * h")
    place = place_at(Snapshot("file:///shapes.py", 1, "python", SOURCE, at), Span(at, at))
    assert place.function is not None
    region = place.lines(place.function.span)
    target = Target(place, region)
    reply = read_reply(before + run_ * 20_000 + after)
    with pytest.raises(FaultyAnswerError):
        propose(Rewrite(region, "…", Keeps.COMMENTS), target, fit(reply, target, is_cut=False))
