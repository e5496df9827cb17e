"""The cases of code actions: a text, an action, what a model may answer, what comes of it.

They are data (`tests/features/actions/cases/*.toml`), so that the tests run them on scripted
answers and `python -m bench.actions` on a real model. Fields of a case:

    name, action (its id), language, before (`▮` is the cursor, `⟦…⟧` the selection)
    eol ("crlf" or "cr"), bom, chomp (no newline at the end): of the document, before and after
    title (where an id is not enough), diagnostic, instruction
    tests: the text of `test_shapes.py`, where there is one
    after: the whole document then, or that file; without it nothing but a refusal is right
    code: a good answer's code, put into every form of `forms` (see `FORMS`)
    answer: others, word by word: text, then (the second one), cut, after or refusal

A `'` in a TOML literal needs no escape, and tabs and trailing spaces are what they are.
"""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import msgspec

CASES = Path(__file__).resolve().parent.parent / "tests" / "features" / "actions" / "cases"
FORMS = ("fenced", "prose", "bare", "dedented", "tilde", "thought")
"""Those every case is answered in unless it names others."""
_EOLS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    form: str = ""
    text: str
    then: str | None = None
    """The second answer; without it the first is given again."""
    cut: bool = False
    """The model was stopped by the token limit."""
    after: str | None = None
    refusal: str | None = None
    """A part of what the user is told."""


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    action: str
    before: str
    after: str = ""
    language: str = "python"
    file: str = ""
    eol: str = "lf"
    bom: bool = False
    chomp: bool = False
    title: str = ""
    diagnostic: str = ""
    instruction: str = ""
    tests: str = ""
    code: str = ""
    forms: tuple[str, ...] = FORMS
    fim: bool = True
    """Whether the model fills in the middle."""
    answer: tuple[Answer, ...] = ()

    def document(self, text: str) -> str:
        """A text of the case as its document has it."""
        text = text.removesuffix("\n") if self.chomp else text
        return ("\ufeff" if self.bom else "") + text.replace("\n", _EOLS[self.eol])

    @property
    def file_name(self) -> str:
        suffixes = {"python": "py", "javascript": "js", "typescript": "ts", "markdown": "md"}
        suffix = suffixes.get(self.language, self.language)
        return self.file or f"shapes.{suffix}"

    @property
    def tests_name(self) -> str:
        return f"test_{self.file_name}"

    def answers(self) -> Iterator[Answer]:
        """All of them, the derived ones first."""
        if self.code:
            for form in self.forms:
                yield Answer(form=form, text=self._formed(form))
        elif not self.answer:
            yield Answer(form="none", text="")
        yield from self.answer

    def _formed(self, form: str) -> str:
        code = self.code.removesuffix("\n")
        block = f"```{self.language}\n{code}\n```"
        match form:
            case "fenced":
                return block
            case "prose":
                return f"Sure! Here is the new code:\n\n{block}\n\nIt does what you asked for."
            case "bare":
                return code
            case "dedented":
                return f"```\n{textwrap.dedent(code)}\n```\n"
            case "tilde":
                return f"~~~ {self.language}\n{code}\n~~~"
            case "thought":
                return f"<think>\nHm.\n```python\nno()\n```\n</think>\n\n{block}"
            case "whole-file":
                return f"Here is the whole file:\n```{self.language}\n{self.after}```"
            case "search":
                old, new = self._difference()
                return f"<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"
            case "diff":
                old, new = self._difference()
                lines = [f"-{line}" for line in old.split("\n")]
                lines += [f"+{line}" for line in new.split("\n")]
                name = self.file_name
                head = f"--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@"
                return "\n".join(["```diff", head, *lines, "```"])
            case _:
                raise ValueError(f"no form is called {form}")

    def _difference(self) -> tuple[str, str]:
        """The lines that change, before and after."""
        before = self.before.translate(str.maketrans("", "", "▮⟦⟧")).split("\n")
        after = self.after.split("\n")
        changed = [
            code
            for code in SequenceMatcher(None, before, after).get_opcodes()
            if code[0] != "equal"
        ]
        i1, i2, j1, j2 = changed[0][1], changed[-1][2], changed[0][3], changed[-1][4]
        return "\n".join(before[i1:i2]), "\n".join(after[j1:j2])


def load_cases() -> list[Case]:
    """All cases, file by file. Raises msgspec.ValidationError for a field that is wrong."""
    cases: list[Case] = []
    for path in sorted(CASES.glob("*.toml")):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        cases += msgspec.convert(content["case"], list[Case])
    return cases
