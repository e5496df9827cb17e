"""Where imports go that an answer brings: what must be first in a file stays first."""

from __future__ import annotations

import pytest

from lsp.actions.imports import added_imports
from lsp.actions.source_tree import tree_of
from lsp.changes import apply
from lsp.context.languages import language_of

FUTURE, PLAIN = "from __future__ import annotations", "import re"


def added(text: str, *imports: str, eol: str = "\n", language: str = "python") -> str:
    tree = tree_of(text, language_of(language, ""))
    assert tree is not None
    return apply(text, added_imports(tree, imports, eol))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import os\n\nx = 1\n", f"{FUTURE}\n\nimport os\nimport re\n\nx = 1\n"),
        ('"""D."""\nimport os\n', f'"""D."""\n\n{FUTURE}\n\nimport os\nimport re\n'),
        ('"""D."""\n\nimport os\n', f'"""D."""\n\n{FUTURE}\n\nimport os\nimport re\n'),
        ("# A\n\n# b\nimport os\n", f"# A\n\n{FUTURE}\n\n# b\nimport os\nimport re\n"),
        (
            "from __future__ import division\n\nimport os\n",
            f"from __future__ import division\n{FUTURE}\n\nimport os\nimport re\n",
        ),
        ("x = 1\n", f"{FUTURE}\n\nimport re\n\nx = 1\n"),
        ("\ufeffx = 1\n", f"\ufeff{FUTURE}\n\nimport re\n\nx = 1\n"),
        (f"{FUTURE}\nx = 1\n", f"{FUTURE}\nimport re\nx = 1\n"),
    ],
)
def test_imports_from_the_future_stay_first(before: str, after: str) -> None:
    assert added(before, PLAIN, FUTURE) == after
    compile(after.removeprefix("\ufeff"), "a.py", "exec")
    assert added(before.replace("\n", "\r\n"), PLAIN, FUTURE, eol="\r\n") == after.replace(
        "\n", "\r\n"
    )


@pytest.mark.parametrize(
    ("first", "language"),
    [
        ("#!/usr/bin/env python", "python"),
        ("#!/usr/bin/env python\n# -*- coding: latin-1 -*-", "python"),
        ("# vim: set fileencoding=utf-8 :", "python"),
        ("#!/usr/bin/env node", "javascript"),
    ],
)
def test_what_programs_read_in_the_first_lines_stays_there(first: str, language: str) -> None:
    line = "import fs from 'fs';" if language == "javascript" else PLAIN
    assert added(f"{first}\nx = 1\n", line, language=language) == f"{first}\n\n{line}\n\nx = 1\n"


def test_nothing_is_added_twice() -> None:
    text = f"{FUTURE}\nimport re\n\nx = 1\n"
    assert added(text, PLAIN, FUTURE, PLAIN) == text
