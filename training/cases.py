"""Holes in held-out packages, the same for every model that is compared on them."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from pathlib import Path

_WORD_START = re.compile(r"(?<=[\s.(\[,=:'\"{])\S|\b\w")
_WORD = re.compile(r"\w+|\W")


@dataclass(frozen=True)
class Case:
    """A cursor in a file: `expected` is the rest of its line, without the line's end."""

    kind: str
    """`word`: at a word's start; `char`: anywhere in the line; `line`: after the indentation."""
    package: str
    path: str
    language: str
    prefix: str
    expected: str
    suffix: str

    @property
    def first_word(self) -> str:
        match = _WORD.match(self.expected)
        assert match is not None
        return match[0]


def held_out(corpus: Path, languages: frozenset[str]) -> list[dict[str, str]]:
    with corpus.open() as file:
        rows = [json.loads(line) for line in file if '"split": "heldout"' in line]
    return [row for row in rows if row["language"] in languages]


def make_cases(documents: list[dict[str, str]], n: int, seed: int = 11) -> list[Case]:
    """`n` cursors: two fifths at word starts, as many anywhere, one fifth at line starts.

    Packages count equally, so that the largest does not decide. Comments, docstrings and lines of
    fewer than six characters are left out: nobody judges a completion by those.
    """
    rng = random.Random(seed)
    by_package: dict[str, list[dict[str, str]]] = {}
    for document in documents:
        by_package.setdefault(document["package"], []).append(document)
    packages = sorted(by_package)
    kinds = ["word", "char", "word", "char", "line"]
    cases: list[Case] = []
    while len(cases) < n:
        document = rng.choice(by_package[packages[len(cases) % len(packages)]])
        case = _case_in(document, kinds[len(cases) % len(kinds)], rng)
        if case is not None:
            cases.append(case)
    return cases


def _case_in(document: dict[str, str], kind: str, rng: random.Random) -> Case | None:
    text = document["text"]
    lines = text.split("\n")
    index = rng.randrange(3, len(lines))
    line = lines[index]
    bare = line.strip()
    if len(bare) < 6 or bare.startswith(("#", "//", "/*", "*", '"""', "'''")):
        return None
    start = sum(len(earlier) + 1 for earlier in lines[:index])
    if text[:start].count('"""') % 2 or text[:start].count("'''") % 2:
        return None
    indent = len(line) - len(line.lstrip())
    if kind == "line":
        column = indent
    elif kind == "word":
        columns = [m.start() for m in _WORD_START.finditer(line) if m.start() > indent]
        if not columns:
            return None
        column = rng.choice(columns)
    else:
        column = rng.randint(indent + 1, len(line) - 2)
    if len(line) - column < 2:
        return None
    return Case(
        kind=kind,
        package=document["package"],
        path=document["path"],
        language=document["language"],
        prefix=text[: start + column],
        expected=line[column:],
        suffix=text[start + len(line) :],
    )
