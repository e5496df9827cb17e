"""One case of each code action, for editors: where it is, what a model says, what comes of it."""

from __future__ import annotations

from dataclasses import dataclass

SIMPLE = "def positive(x):\n    # Or not.\n    if x > 0:\n        return True\n    return False\n"
SIMPLER = "def positive(x):\n    # Or not.\n    return x > 0\n"
CUSTOM = {"title": "Say it briefly", "instruction": "Shorter.", "appliesTo": "function"}
"""A code action of the user's own, in `actions.custom`."""
CIRCLE = '''\
"""Shapes."""

import math


class Circle:
    """A circle around a point."""

    def __init__(self, radius):
        """Create a circle."""
        self.radius = radius

    def area(self):
        """Return the area of the circle."""
        return math.pi * self.radius ** 2

    def perimeter(self):
        return 2 * math.pi * self.radius

    def scale(self, factor):
        """Make the circle larger or smaller."""
        pass
'''
"""What the built-in model writes a docstring and a body for."""


def fenced(code: str) -> str:
    return f"```\n{code}```"


@dataclass(frozen=True)
class Case:
    """One action that is applied at once."""

    title: str
    before: str
    after: str
    answer: str = ""
    line: int = 1
    column: int = 1
    n_lines: int = 0
    """Selected, from the line on; the cursor alone if 0."""


LOOP = "def squares(xs):\n    new = []\n    for x in xs:\n        new.append(x)\n    return new\n"
REPORT = "def report(xs):\n    total = 0\n    for x in xs:\n        total += x\n    print(total)\n"
SUM = "def add_up(xs):\n    total = 0\n    for x in xs:\n        total += x\n    return total\n"
EXTRACTED = f"{SUM}\n\ndef report(xs):\n    total = add_up(xs)\n    print(total)\n"
TYPED = "def half(n: int) -> float:\n    return n / 2\n"
HELLO = 'def hello(name):\n    return "Hello %s!" % name\n'
ASKED = SIMPLE.replace("# Or not.", "# sotto: in one line")
AREA = "def area(width):\n    return widht * 2\n"

CASES = {
    "simplify": Case("Simplify `positive`", SIMPLE, SIMPLER, fenced(SIMPLER), 3, 5),
    "types": Case(
        "Add type hints to `half`", "def half(n):\n    return n / 2\n", TYPED, fenced(TYPED), 1, 5
    ),
    "extract function": Case("Extract function", REPORT, EXTRACTED, fenced(EXTRACTED), 2, 1, 3),
    "rename": Case("Rename `new` meaningfully", LOOP, LOOP.replace("new", "copy"), "`copy`", 2, 5),
    "convert without a model": Case(
        "to a comprehension",
        LOOP,
        "def squares(xs):\n    new = [x for x in xs]\n    return new\n",
        line=3,
        column=5,
    ),
    "convert": Case(
        "an f-string",
        HELLO,
        'def hello(name):\n    return f"Hello {name}!"\n',
        fenced('    return f"Hello {name}!"\n'),
        2,
        26,
    ),
    "an instruction in a comment": Case(
        "in one line",
        ASKED,
        "def positive(x):\n    return x > 0\n",
        fenced("def positive(x):\n    return x > 0\n"),
        n_lines=5,
    ),
    "custom": Case("Say it briefly", SIMPLE, SIMPLER, fenced(SIMPLER), 3, 5),
    "a guess": Case(  # Editors that can ask before it is applied.
        "Simplify `positive`", SIMPLE, SIMPLER, f"Shorter:\n\n{SIMPLER}\nThat is the same.\n", 3, 5
    ),
}

HOSTILE = {
    "nothing but prose": "I cannot do that.",
    "cut off": "<<<<<<< SEARCH\n    if x > 0:\n        return True\n=======\n    return",
    "another file": f"other.py\n{fenced(SIMPLER)}",
    "an order to run something": (
        '<tool_call>{"name": "run_command", "arguments": {"command": "rm -rf ."}}</tool_call>'
    ),
    "another function": fenced("def negative(x):\n    return x < 0\n"),
    "askew": fenced("def positive(x):\nreturn x > 0\n"),
    "code left out": fenced("def positive(x):\n    # ... existing code ...\n"),
    "a character that is not seen": fenced(SIMPLER.replace("x > 0", "x >\u200b 0")),
}
"""Answers to *Simplify `positive`* of which nothing may come."""
