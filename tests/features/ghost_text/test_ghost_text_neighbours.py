"""Lines that stand above, below or in the suggestion already, and lines that rightly come again.

Each case is a document with its cursor, what the model says, and what is then inserted there;
"" shows nothing.
"""

from __future__ import annotations

import pytest

from lsp.ghost_text import TrimReason
from tests.support.ghost_text import check

# Below.


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("def f():\n    ‸\n    a = first(1)\n    b = second(2)\n", "b = second(2)\n"),
        (
            "def f():\n    ‸\n    a = 1\n\n    b = 2\n    total = a + b\n",
            "total = a + b\n    c = 3",
        ),
        ("def f():\n    a = 1\n    ‸\n    b = 2\n", "b = 2\n    c = 3\n"),
        ("def f():\n    a = 1\n    ‸\n\n    b = 2\n", "b = 2"),
        ("def f():\n    b =‸\n    b = 2\n", " 2"),
        ("if a:\n    b()\n‸\nelse:\n    c()\n", "else:\n    d()\n"),
        ("def f(a):\n    if a:\n        ‸\n        a()\n    b()\n", "a()\n    b()\n"),
    ],
)
def test_a_line_below_is_not_said(document: str, says: str) -> None:
    check("python", document, says, "", TrimReason.REPEATS_NEXT_LINE)


def test_a_line_two_below_ends_the_suggestion() -> None:
    document = "def f():\n    ‸\n    a = first(1)\n    b = second(2)\n"
    says = "c = 3\n    b = second(2)\n    d = 4\n"
    check("python", document, says, "c = 3", TrimReason.REPEATS_NEXT_LINE)


def test_a_short_next_line_ends_the_suggestion() -> None:
    document = "def f():\n    ‸\n    b = 2\n"
    says = "a = 1\n    b = 2\n    c = 3\n"
    check("python", document, says, "a = 1", TrimReason.REPEATS_NEXT_LINE)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        # In another block.
        ("def f(a):\n    if a:\n        ‸\n    if b:\n        return False\n", "return False"),
        # Too far away.
        ("‸\na = 1\nb = 2\nc = 3\nd = 4\ne = 5\ntotal = a + b\n", "total = a + b"),
        # Too little said.
        ("def f():\n    ‸\n    a = 1\n    b = 2\n", "b = 2"),
        ("def f(out):\n    ‸\n    out.write(a)\n    out.newline()\n", "out.newline()"),
        # Another depth.
        ("def f():\n    a = 1\n    ‸\n    if a:\n        b = 2\n", "b = 2"),
        # The beginning of something of its own.
        ("def f():\n    ‸\n    for x in xs:\n        a()\n    for y in ys:\n", "for y in ys:"),
        ("rows = [\n    ‸\n    [0, 0, 1],\n    [0, 1, 0],\n]\n", "[0, 1, 0],"),
    ],
)
def test_a_line_below_may_come_again(document: str, says: str) -> None:
    check("python", document, says, says)


def test_a_decorator_may_stand_above_its_like() -> None:
    document = "class A:\n    ‸\n\n    @property\n    def b(self):\n        pass\n"
    says = "@property\n    def a(self):\n        return 1"
    check("python", document, says, says)
    says = "@property\n\n    def b(self):\n        return 1"
    check("python", document, says, "", TrimReason.REPEATS_NEXT_LINE)
    says = "@property\n    def b(self):\n        return 1"
    check("python", document, says, "", TrimReason.REPEATS_NEXT_LINE)


def test_a_bare_header_may_stand_above_its_like() -> None:
    document = "def f():\n    ‸\n    try:\n        a()\n"
    says = "try:\n        b()\n    except E:\n        pass"
    check("python", document, says, says)
    check("python", document, "try:\n        a()\n    except E:\n        pass", "")
    check("python", document, "try:", "")


def test_a_closing_brace_may_stand_above_its_like() -> None:
    document = "function f() {\n  if (a) {‸\n}\n"
    check("javascript", document, "\n    b();\n  }\n}\n", "\n    b();\n  }")


def test_an_inner_end_may_stand_above_its_like() -> None:
    document = "def f\n  if a\n    ‸\n  end\nend\n"
    check("ruby", document, "if b\n      go\n    end\n  end\nend\n", "if b\n      go\n    end")


# Above.


@pytest.mark.parametrize("line", ["a = 1", "x: int = 0", "return a", "pass", "self.a = b"])
def test_the_line_above_is_not_said(line: str) -> None:
    check("python", f"def f():\n    {line}\n    ‸\n", line, "", TrimReason.REPEATS_PREVIOUS_LINE)


def test_the_line_above_is_not_said_in_other_languages() -> None:
    check("go", "func f() {\n\ta := 1\n\t‸\n}\n", "a := 1", "", TrimReason.REPEATS_PREVIOUS_LINE)
    check("javascript", "f(() => {\n  a = 1;\n  ‸\n});\n", "a = 1;", "")


@pytest.mark.parametrize(
    "line", ["print()", "i += 1", "x = f()", "a = -a", "n = n+n", "a()", "i++", "x == 1", "0,"]
)
def test_the_line_above_may_come_again(line: str) -> None:
    check("python", f"def f():\n    {line}\n    ‸\n", line, line)


def test_the_line_above_may_come_again_deeper() -> None:
    check("python", "a = 1\nif b:\n    ‸\n", "a = 1", "a = 1")


# Within the suggestion.


def test_an_assignment_is_said_once() -> None:
    says = "a = 1\n    a = 1\n    a = 1\n    a = 1\n"
    check("python", "def f():\n    ‸\n", says, "a = 1", TrimReason.REPETITION)
    check("python", "def f():\n    b = 1\n    a =‸\n", " 1\n    a = 1\n", " 1")


def test_anything_is_said_at_most_three_times() -> None:
    says = "i += 1\n    i += 1\n    i += 1\n    i += 1\n"
    check("python", "def f():\n    ‸\n", says, "i += 1", TrimReason.REPETITION)


@pytest.mark.parametrize(
    "says",
    [
        "print()\n    print()",
        "i += 1\n    i += 1\n    j += 1",
        "x = f()\n    x = f()",
        "a = 1\n    b = 1\n    a = 2",
        "if a:\n        b = 1\n    else:\n        b = 1",
    ],
)
def test_lines_may_come_again(says: str) -> None:
    check("python", "def f():\n    ‸\n", says, says)


def test_rows_of_numbers_may_come_again() -> None:
    check("json", "[\n  ‸\n]\n", "0,\n  0,\n  0,\n  0,\n  0\n]", "0,\n  0,\n  0,\n  0,\n  0")
