"""A reply's blocks on a file: the exact text that comes out, or the reason why nothing does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp.chat.proposals import Proposals, text_edits
from lsp.chat.replacement import NoPlaceError, lines_of, replaced
from lsp.positions import Encoding
from lsp.project.workspace import Workspace
from tests.support.naive_document import NaiveDocument

BEFORE = """\
import os


def add(a, b):
    # a sum
    return a - b


class Tool:
    @property
    def name(self):
        return "tool"

    def run(self):
        if True:
            print(1)
            print(1)
"""


def block(old: str, new: str, path: str = "a.py", info: str = "python") -> str:
    return f"{path}\n```{info}\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n"


@dataclass(frozen=True)
class Case:
    reply: str
    after: str | None = None
    """None: refused."""
    reason: str = ""
    before: str = BEFORE
    created: str | None = None
    """What a new file `b.py` holds."""


BARE = "<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n"
FIXED = BEFORE.replace("a - b", "a + b")
OLD, NEW = "    return a - b\n", "    return a + b\n"
RENAMED = BEFORE.replace('return "tool"', 'return "name"')
RUN = "    def run(self):\n        return 2\n"
RUN_AFTER = BEFORE[: BEFORE.index("    def run")] + RUN

CASES = {
    # Search and replace, exactly
    "one block": Case(f"I fix it.\n\n{block(OLD, NEW)}\nDone.", FIXED),
    "two pairs in one block": Case(
        "a.py\n```python\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n"
        '>>>>>>> REPLACE\n<<<<<<< SEARCH\n        return "tool"\n=======\n        return "name"\n'
        ">>>>>>> REPLACE\n```",
        FIXED.replace('return "tool"', 'return "name"'),
    ),
    "two blocks under one path": Case(
        block(OLD, NEW) + block('        return "tool"\n', '        return "name"\n', path=""),
        FIXED.replace('return "tool"', 'return "name"'),
    ),
    "without a fence": Case("a.py\n" + BARE, FIXED),
    "the path as a heading": Case(block(OLD, NEW, path="### `a.py`"), FIXED),
    "the path in bold": Case(block(OLD, NEW, path="**a.py**:"), FIXED),
    "the path after a word": Case(block(OLD, NEW, path="File: a.py"), FIXED),
    "the path in the fence": Case(block(OLD, NEW, path="", info="python:a.py"), FIXED),
    "the path as the fence's title": Case(block(OLD, NEW, path="", info='py title="a.py"'), FIXED),
    "the path inside the fence": Case(
        f"```\na.py\n{BARE}```",
        FIXED,
    ),
    "no path means the open document": Case(block(OLD, NEW, path="Here:"), FIXED),
    "an indented fence": Case(
        "1. a.py\n   ```python\n   <<<<<<< SEARCH\n       return a - b\n   =======\n"
        "       return a + b\n   >>>>>>> REPLACE\n   ```\n",
        FIXED,
    ),
    "a fence in the text": Case(
        block('x = """\n```\n"""\n', "x = 1\n"),
        "x = 1\ny = 2\n",
        before='x = """\n```\n"""\ny = 2\n',
    ),
    "deleting": Case(block("    # a sum\n", ""), BEFORE.replace("    # a sum\n", "")),
    "inserting": Case(
        block("import os\n", "import os\nimport sys\n"),
        BEFORE.replace("import os\n", "import os\nimport sys\n"),
    ),
    "five markers": Case(
        block(OLD, NEW).replace("<<<<<<< ", "<<<<< ").replace(">>>>>>>", ">>>>>"), FIXED
    ),
    "a new file": Case(block("", "x = 1\n", path="b.py"), BEFORE, created="x = 1\n"),
    "a reply in CRLF": Case(block(OLD, NEW).replace("\n", "\r\n"), FIXED),
    # By white space
    "wrong indentation": Case(block("return a - b\n", "return a + b\n"), FIXED),
    "wrong deeper indentation": Case(
        block(
            "def run(self):\n    if True:\n        print(1)\n        print(1)\n",
            "def run(self):\n    for x in y:\n        print(x)\n",
        ),
        BEFORE[: BEFORE.index("        if True")] + "        for x in y:\n            print(x)\n",
    ),
    "trailing white space": Case(block("    return a - b   \n", NEW), FIXED),
    "blank lines around": Case(block("\n\n    return a - b\n\n", NEW), FIXED),
    "tabs in the file, spaces in the reply": Case(
        block("def f():\n    return 1\n", "def f():\n    if x:\n        return 2\n"),
        "def f():\n\tif x:\n\t    return 2\n",
        before="def f():\n\treturn 1\n",
    ),
    # The form of the file stays
    "CRLF": Case(block(OLD, NEW), FIXED.replace("\n", "\r\n"), before=BEFORE.replace("\n", "\r\n")),
    "CRLF by white space": Case(
        block("return a - b\n", "x = 1\nreturn a + b\n"),
        FIXED.replace("    return a +", "    x = 1\n    return a +").replace("\n", "\r\n"),
        before=BEFORE.replace("\n", "\r\n"),
    ),
    "a byte order mark": Case(block(OLD, NEW), "\ufeff" + FIXED, before="\ufeff" + BEFORE),
    "no newline at the end": Case(
        block("x = 1\n", "x = 2\n"), "y = 0\nx = 2", before="y = 0\nx = 1"
    ),
    "a form feed": Case(block("x = 1\n", "x = 2\n"), "a = 0\f\nx = 2\n", before="a = 0\f\nx = 1\n"),
    "Unicode": Case(
        block('s = "ü日本😀"\n', 's = "é"\n'),
        't = "\u2028"\ns = "é"\n',
        before='t = "\u2028"\ns = "ü日本😀"\n',
    ),
    # A whole function
    "a function": Case(
        "a.py\n```python\ndef add(a, b):\n    return a + b\n```",
        BEFORE.replace("    # a sum\n    return a - b", "    return a + b"),
    ),
    "a method, not indented": Case("a.py\n```python\ndef run(self):\n    return 2\n```", RUN_AFTER),
    "a method, indented": Case(f"a.py\n```python\n{RUN}```", RUN_AFTER),
    "a decorated method": Case(
        'a.py\n```python\n@cached\ndef name(self):\n    return "x"\n```',
        BEFORE.replace(
            '    @property\n    def name(self):\n        return "tool"',
            '    @cached\n    def name(self):\n        return "x"',
        ),
    ),
    "the path as a comment": Case(
        "```python\n# a.py\ndef run(self):\n    return 2\n```", RUN_AFTER
    ),
    "a function with CRLF": Case(
        "a.py\n```python\ndef run(self):\n    return 2\n```",
        RUN_AFTER.replace("\n", "\r\n"),
        before=BEFORE.replace("\n", "\r\n"),
    ),
    "a diff": Case(
        "```diff\n--- a/a.py\n+++ b/a.py\n@@ -4,3 +4,3 @@\n def add(a, b):\n     # a sum\n"
        "-    return a - b\n+    return a + b\n```",
        FIXED,
    ),
    # What is no change
    "a shell's example": Case("Run it:\n```bash\npython a.py\n```", BEFORE),
    "prose": Case("The function subtracts.", BEFORE),
    "nothing changes": Case(block(OLD, OLD), BEFORE),
    # What is refused
    "not there": Case(
        block("    return a * b\n", NEW), reason="not in the file. The nearest is line 6"
    ),
    "there twice": Case(block("            print(1)\n", "            pass\n"), reason="2 times"),
    "there twice by white space": Case(block("print(1)\n", "pass\n"), reason="2 times"),
    "inside a line": Case(block("a - b\n", "a + b\n"), reason="not in the file"),
    "cut off": Case(block(OLD, NEW)[:-25], reason="cut off"),
    "cut off in code": Case("a.py\n```python\ndef run(self):\n    ret", reason="cut off"),
    "code left out": Case(
        "a.py\n```python\ndef add(a, b):\n    # ... existing code ...\n```",
        reason="leaves code out",
    ),
    "dots": Case(
        "a.py\n```python\ndef add(a, b):\n    ...\n    return 1\n```", reason="leaves code out"
    ),
    "no longer valid": Case(block(OLD, "    return (a + b\n"), reason="no longer be valid"),
    "a function that is not there": Case(
        "a.py\n```python\ndef sub(a):\n    pass\n```", reason="does not define sub"
    ),
    "two functions": Case(
        "a.py\n```python\ndef add(a):\n    pass\n\ndef sub(a):\n    pass\n```",
        reason="does not say what",
    ),
    "a function and a statement": Case(
        "a.py\n```python\nimport sys\n\ndef add(a):\n    pass\n```", reason="more than one"
    ),
    "an existing file made anew": Case(block("", "x = 1\n"), reason="exists: quote"),
    "a file that is not there": Case(block(OLD, NEW, path="b.py"), reason="does not exist"),
    "outside": Case(block("", "x\n", path="../b.py"), reason="outside the open folders"),
    "absolutely outside": Case(block("", "x\n", path="/etc/cron.d/a.sh"), reason="outside"),
    "a hook": Case(block("", "x\n", path=".git/hooks/pre-commit.sh"), reason="protected"),
    "the editor's settings": Case(block("", "{}\n", path=".vscode/tasks.json"), reason="protected"),
    "continuous integration": Case(
        block("", "x\n", path=".github/workflows/a.yml"), reason="protected"
    ),
    "a shell's start-up file": Case(
        block("", "x\n", path="home/.config/config.fish"), reason="protected"
    ),
    "one good and one bad": Case(
        block(OLD, NEW) + block("    nothing\n", "    x\n"), reason="not in the file"
    ),
    "indented in no way": Case(
        block("def add(a, b):\n# a sum\nreturn a - b\n", "def add(a, b):\n  pass\n"),
        reason="indented in another way",
    ),
}


def applied(edits: list[dict[str, object]], text: str, encoding: Encoding = Encoding.UTF16) -> str:
    """As an editor does it: all ranges are of the text before."""
    document = NaiveDocument(text, encoding)
    for edit in reversed(edits):
        span = cast("Mapping[str, Mapping[str, int]]", edit["range"])
        start, end = span["start"], span["end"]
        document.replace(
            (start["line"], start["character"]),
            (end["line"], end["character"]),
            str(edit["newText"]),
        )
    return document.text


@pytest.mark.parametrize("name", CASES)
def test_reply(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    folder = tmp_path.resolve()
    path = folder / "a.py"
    path.write_bytes(case.before.encode())
    proposals = Proposals(Workspace((folder,)))
    proposals.apply_reply(case.reply, str(path))
    edits = proposals.edits()
    assert path.read_bytes() == case.before.encode(), "nothing is written"
    made = {edit.path: cast("Any", edit.edit) for edit in edits if edit.refusal is None}
    refusals = "\n".join(edit.refusal for edit in edits if edit.refusal is not None)
    if case.after is None:
        assert "a.py" not in made
        assert case.reason in refusals
        assert not [p for p in proposals.workspace.proposed if not p.is_relative_to(folder)]
        return
    assert not refusals
    after = case.before
    if "a.py" in made:
        (change,) = made["a.py"]["documentChanges"]
        after = applied(change["edits"], case.before)
    assert after == case.after
    if case.created is not None:
        created, change = made["b.py"]["documentChanges"]
        assert created["kind"] == "create"
        assert applied(change["edits"], "") == case.created


def test_several_changes_to_a_file_are_checked_together(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = (1)\ny = 2\n")
    proposals = Proposals(Workspace((tmp_path.resolve(),)))
    proposals.apply_reply(block("x = (1)\n", "x = (1,\n") + block("y = 2\n", "2)\n"))
    (edit,) = proposals.edits()
    assert edit.refusal is None
    assert edit.diff == (
        "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n-x = (1)\n-y = 2\n+x = (1,\n+2)\n"
    )


def test_edits_carry_the_documents_version(tmp_path: Path) -> None:
    path = tmp_path.resolve() / "a.py"
    workspace = Workspace((tmp_path.resolve(),), open_text={path: "unsaved = 1\n"}.get)
    proposals = Proposals(workspace, version={path: 7}.get)
    proposals.apply_reply(block("unsaved = 1\n", "unsaved = 2\n"))
    (edit,) = proposals.edits()
    assert cast("Any", edit.edit)["documentChanges"][0]["textDocument"]["version"] == 7


@pytest.mark.parametrize("is_open", [True, False])
def test_a_bom_that_an_editor_takes_away_does_not_count(*, is_open: bool, tmp_path: Path) -> None:
    path = tmp_path.resolve() / "a.py"
    path.write_bytes(b"\xef\xbb\xbfx = 1\n")
    opened = {path: "x = 1\n"} if is_open else {}
    proposals = Proposals(Workspace((tmp_path.resolve(),), open_text=opened.get))
    proposals.apply_reply(block("x = 1\n", "x = 2\n"))
    (edit,) = proposals.edits()
    (change,) = cast("Any", edit.edit)["documentChanges"]
    assert applied(change["edits"], "x = 1\n") == "x = 2\n"


TEXTS = st.text(alphabet="ab \t\n\r😀", max_size=30)


@given(TEXTS, TEXTS, st.sampled_from(list(Encoding)))
def test_text_edits_lead_from_one_text_to_the_other(
    before: str, after: str, encoding: Encoding
) -> None:
    assert applied(text_edits(before, after, encoding), before, encoding) == after


@given(st.text(alphabet="ab \n", max_size=40), st.integers(0, 40), st.integers(0, 40), TEXTS)
def test_what_is_replaced_is_one_place_and_nothing_else(
    text: str, start: int, end: int, new: str
) -> None:
    lines = lines_of(text)
    old = "".join(lines[start % (len(lines) + 1) : end % (len(lines) + 1)])
    try:
        found = replaced(text, old, new.replace("\r", ""), whole_lines=True)
    except NoPlaceError:
        return
    if text.count(old) == 1 and old.endswith("\n"):
        assert found == text.replace(old, new.replace("\r", ""))
