"""Where an action that uses no model is not offered, as it would not do exactly the same."""

from __future__ import annotations

import pytest

from lsp.actions.comprehension import comprehension_as_loop, loop_as_comprehension
from lsp.actions.extract_variable import extract_variable
from lsp.actions.place import Place, place_at
from lsp.actions.renaming import local_name_at
from lsp.changes import apply
from lsp.document import Snapshot
from tests.support.actions import cut_selection


def place(source: str, language: str = "python") -> Place:
    text, span = cut_selection(source)
    return place_at(Snapshot("file:///a", 1, language, text, span.start), span)


LOOP = "def f(ys):\n    xs = []\n    for y in ys:▮\n        xs.append(y)\n    return xs\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return xs", "return xs, y"),  # the loop's variable is read afterwards
        ("for y in ys:▮", "for y in xs:▮"),
        ("append(y)", "append(len(xs))"),
        ("append(y)", "append(*y)"),
        ("append(y)", "append((z := y))"),
        ("append(y)", "append(lambda: y)"),
        ("append(y)", "append(y)  # why"),
        ("append(y)", "append(y)\n        print(y)"),
        ("append(y)", "append(y)\n    else:\n        pass"),
        ("xs.append(y)", "xs.extend(y)"),
        ("xs.append(y)", "zs.append(y)"),
        ("    xs = []\n", "    xs = []\n    print(1)\n"),
        ("    xs = []\n", "    xs = []\n\n"),
        ("xs = []", "xs = [1]"),
        ("for y in ys:▮", "for y in 1, 2:▮"),
        ("def f", "async def f"),
        ("for y in ys:▮", "async for y in ys:▮"),
    ],
)
def test_a_loop_that_is_no_comprehension(old: str, new: str) -> None:
    assert loop_as_comprehension(place(LOOP)), "the one it is made from"
    changed = LOOP.replace(old, new)
    assert changed != LOOP
    if old == "def f":
        assert loop_as_comprehension(place(changed)), "a coroutine is a function"
    else:
        assert loop_as_comprehension(place(changed)) == ()


@pytest.mark.parametrize(
    "source",
    [
        "xs = []\nfor y in ys:▮\n    xs.append(y)\n",  # others may read `y` of a module
        "class A:\n    xs = []\n    for y in ys:▮\n        xs.append(y)\n",
        "def f():\n    try:\n        xs = []\n        for y in ys:▮\n            xs.append(y)\n"
        "    finally:\n        print(xs)\n",
    ],
)
def test_a_loop_that_others_may_look_into(source: str) -> None:
    assert loop_as_comprehension(place(source)) == ()


@pytest.mark.parametrize(
    "source",
    [
        "def f(ys):\n    xs = [y for y in ys]▮\n    return y\n",
        "def f(ys):\n    xs = [xs for y in ys]▮\n    return xs\n",
        "def f(ys):\n    xs, z = [y for y in ys], 1▮\n    return xs\n",
        "def f(ys):\n    return [y for y in ys]▮\n",
        "async def f(ys):\n    xs = [y async for y in ys]▮\n    return xs\n",
        "xs = [y for y in ys]▮\n",
    ],
)
def test_a_comprehension_that_is_no_loop(source: str) -> None:
    assert comprehension_as_loop(place(source)) == ()


@pytest.mark.parametrize(
    "source",
    [
        "y = a and ⟦b.c⟧\n",
        "y = 1 if a else ⟦b.c⟧\n",
        "y = a() + ⟦b()⟧\n",
        "y = a() + ⟦b.c⟧\n",  # `a` may change it
        "y = lambda: ⟦b.c⟧\n",
        "y = [⟦b.c⟧ for b in bs]\n",
        "while ⟦b.c⟧:\n    pass\n",
        "if a:\n    pass\nelif ⟦b.c⟧:\n    pass\n",
        "⟦b.c⟧ = 1\n",
        "def f(a=⟦b.c⟧):\n    pass\n",
        "def f(a: ⟦b.c⟧):\n    pass\n",
        "x = 1; y = ⟦b.c⟧ + 1\n",
        "f(⟦a⟧)\n",  # it has a name
        "f(a ⟦+ b⟧)\n",
        "y = (⟦b := 1⟧)\n",
        "⟦b.c⟧\n",
        "y = a < b < ⟦c.d⟧\n",
    ],
)
def test_an_expression_that_must_stay_where_it_is(source: str) -> None:
    assert extract_variable(place(source)) == ()


@pytest.mark.parametrize(
    "source",
    [
        "const y = a && ⟦b.c⟧;\n",
        "const y = a ? ⟦b.c⟧ : 1;\n",
        "if (a) g(⟦b.c⟧);\n",
        "if (a) {\n} else if (⟦b.c⟧) {\n}\n",
        "for (let i = 0; i < ⟦b.c⟧; i++) {\n}\n",
        "const f = () => ⟦b.c⟧;\n",
        "⟦a.b⟧(1);\n",  # it would lose its `this`
        "i++ + ⟦b.c⟧;\n",
    ],
)
def test_an_expression_in_javascript_that_must_stay(source: str) -> None:
    assert extract_variable(place(source, "javascript")) == ()


def test_a_name_that_is_free() -> None:
    source = "value = 1\ndef f(a):\n    return g(⟦a + 1⟧)\n"
    found = place(source)
    assert apply(found.text, extract_variable(found)) == (
        "value = 1\ndef f(a):\n    value_2 = a + 1\n    return g(value_2)\n"
    )


@pytest.mark.parametrize(
    "source",
    [
        "def f(⟦a⟧):\n    return a\n",  # callers may name it
        "def f():\n    global x\n    ⟦x⟧ = 1\n",
        "def f():\n    ⟦x⟧ = 1\n    return [x for x in y]\n",
        "def f():\n    ⟦x⟧ = 1\n    return lambda x: x\n",
        "def f():\n    ⟦x⟧ = 1\n    return locals()\n",
        "def f():\n    ⟦x⟧ = 1\n    def g():\n        nonlocal x\n",
        "def f(a):\n    return a.⟦x⟧\n",
        "def f():\n    return ⟦print⟧\n",
        "⟦x⟧ = 1\n",
        "class A:\n    ⟦x⟧ = 1\n",
    ],
)
def test_a_name_that_others_know(source: str) -> None:
    assert local_name_at(place(source)) is None
