"""What holds for every document, every cursor and everything a model may say."""

from __future__ import annotations

import re

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from lsp.document import Snapshot
from lsp.ghost_text import Trimmer, TrimReason
from tests.support.ghost_text import is_complete, trim

untimed = settings(deadline=None)

DOCUMENTS = {
    "python": (
        "import os\n\n\ndef add(a, b):\n    if a:\n        return b\n    x = add(b, [1, 2])\n"
        '    print("sum (", x)  # a note\n    return x\n\n\nclass Box:\n    """A box.\n\n'
        '    Of things.\n    """\n\n    def put(self, x: int) -> None:\n        self.x = {"a": x}\n'
    ),
    "javascript": (
        'import a from "a";\n\nfunction add(a, b) {\n  if (a) {\n    return b;\n  } else {\n'
        "    go(() => {\n      stop();\n    });\n  }\n  const s = `x ${a}`;\n  return a / b;\n}\n"
    ),
    "rust": (
        "use std::io;\n\nfn add<'a>(x: &'a str) -> i32 {\n    let c = '{';\n    match x {\n"
        '        "a" => 1,\n        _ => {\n            2\n        }\n    }\n}\n'
    ),
    "typescript": (
        "const m: Map<string, Set<number>> = new Map<string, Set<number>>();\nlet a = 1;\n"
        "function add<T>(a: Array<T>, b: () => T): T {\n  if (a.length >= 2) {\n    a = b;\n"
        "    a = b;\n  }\n  const c = first(1);\n  const d = second(2);\n  return c;\n}\n"
    ),
    "go": "package main\n\nfunc add(a int) int {\n\tif a > 0 {\n\t\treturn a\n\t}\n\treturn a\n}\n",
    "c": '#include <a.h>\n\nint add(int a)\n{\n  if (a) {\n    puts("(");\n  }\n  return a;\n}\n',
    "ruby": "def add(a)\n  if a\n    [1, 2].each do |x|\n      puts x\n    end\n  end\nend\n",
    "json": '{\n  "a": [1, 2],\n  "b": {\n    "c": "d"\n  }\n}\n',
    "html": "<div>\n  <p>don't\n  </p>\n</div>\n",
    "plaintext": "Dear all,\n\nthis is (not) a test.\n  - one\n  - two\n",
    "cobol": "MOVE A TO B.\n    IF (A\n",
}
PIECES = [
    *("a", "b", "x", "add", "return", "if", "else", "end", "}", "{", "(", ")", "[", "]", '"', "'"),
    *("<", ">", "=> ", "<a>", "a = b;\n", "a = b;\n    a = b;\n", "i += 1\n", "@a\n", "try:\n"),
    *(" ", "\n", "\n    ", "\n  ", "\n\t", "\t", "\r\n", ",", ";", ":", ".", "=", "1", "# ", "//"),
    *('"""', "`", "\\", "/*", "*/", "return x", "x = 1", "else:", "} else {", "<|", "<|a", "</p>"),
    *("\x00", "é", "😀", "\u2028", "\ufffd", "0, 0, 0, 0, ", "x = 1\n", "    return x\n"),
]


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """A real document, cut and edited at the cursor as a user may have left it."""
    language_id = draw(st.sampled_from(sorted(DOCUMENTS)))
    text = DOCUMENTS[language_id]
    offset = draw(st.integers(0, len(text)))
    n_removed = draw(st.sampled_from([0, 0, 1, 5, 40, 1000]))
    typed = draw(
        st.sampled_from(["", "", "", "(", "foo(", " {", "    ", "\n    ", "x = ", '"', ":"])
    )
    text = text[:offset] + typed + text[offset + n_removed :]
    offset += len(typed)
    eol = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    prefix = text[:offset].replace("\n", eol)
    whole = prefix + text[offset:].replace("\n", eol)
    return Snapshot("file:///a", 1, language_id, whole, len(prefix))


@st.composite
def said(draw: st.DrawFn, snapshot: Snapshot) -> str:
    """Something a model may say there: pieces of code, and of what stands around the cursor."""
    around = [snapshot.suffix[:n] for n in (1, 2, 10, 40)]
    around += [snapshot.prefix[-n:] for n in (1, 10, 40)]
    pieces = st.sampled_from([*PIECES, *around])
    return "".join(draw(st.lists(pieces, max_size=14)))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Snapshot, str, bool | None]:
    snapshot = draw(snapshots())
    multiline = draw(st.sampled_from([None, True, False]))
    return snapshot, draw(said(snapshot)), multiline


def squashed(text: str) -> str:
    return "".join(text.split())


@untimed
@given(cases())
@example((Snapshot("file:///a", 1, "c", "int a {}\r", 7), "a = b;\n", None))
def test_trimming_twice_is_trimming_once(case: tuple[Snapshot, str, bool | None]) -> None:
    snapshot, raw, multiline = case
    once = trim(raw, snapshot, multiline=multiline)
    assert trim(once.text, snapshot, multiline=multiline).text == once.text


ANY_TEXT = st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1"))


@untimed
@given(st.sampled_from(sorted(DOCUMENTS)), ANY_TEXT, ANY_TEXT, ANY_TEXT, st.booleans())
@example("plaintext", "a\n\x1d\x1e", "-", "  b", False)  # white space that is no indentation
def test_nothing_makes_it_fail(
    language_id: str, prefix: str, suffix: str, raw: str, truncated: bool
) -> None:
    if prefix.endswith("\r") and suffix.startswith("\n"):
        return
    snapshot = Snapshot("untitled:a", 1, language_id, prefix + suffix, len(prefix))
    shown = trim(raw, snapshot, truncated=truncated)
    assert trim(shown.text, snapshot).text == shown.text


@untimed
@given(cases(), st.data())
def test_once_complete_more_text_changes_nothing(
    case: tuple[Snapshot, str, bool | None], data: st.DataObject
) -> None:
    snapshot, raw, multiline = case
    if not is_complete(raw, snapshot, multiline=multiline):
        return
    more = data.draw(said(snapshot))
    first = trim(raw, snapshot, multiline=multiline)
    for truncated in (False, True):
        assert trim(raw + more, snapshot, multiline=multiline, truncated=truncated) == first


@untimed
@given(cases(), st.data())
def test_the_size_of_chunks_changes_nothing(
    case: tuple[Snapshot, str, bool | None], data: st.DataObject
) -> None:
    snapshot, raw, multiline = case
    trimmer = Trimmer(snapshot, multiline=multiline)
    position = 0
    while position < len(raw):
        size = data.draw(st.integers(1, 6))
        if trimmer.feed(raw[position : position + size]):
            break
        position += size
    assert trimmer.result() == trim(raw, snapshot, multiline=multiline)


@untimed
@given(cases(), st.booleans())
def test_what_is_shown_is_what_the_model_said_first(
    case: tuple[Snapshot, str, bool | None], truncated: bool
) -> None:
    snapshot, raw, multiline = case
    shown = trim(raw, snapshot, multiline=multiline, truncated=truncated)
    assert squashed(raw).startswith(squashed(shown.text))
    assert (shown.reason is None) == bool(shown.text)
    assert not shown.text or shown.text.strip()


@untimed
@given(cases())
def test_nothing_unfit_for_an_editor_is_shown(case: tuple[Snapshot, str, bool | None]) -> None:
    snapshot, raw, multiline = case
    text = trim(raw, snapshot, multiline=multiline).text
    lines = text.split(snapshot.eol)
    assert not any(re.search("[\x00-\x08\x0a-\x1f\x7f\u2028\ufffd]", line) for line in lines)
    assert all(line == line.rstrip() for line in lines[:-1] if line.strip())
    if multiline is False:
        assert len(lines) == 1


@untimed
@given(cases())
def test_the_rest_of_the_line_is_not_said_again(case: tuple[Snapshot, str, bool | None]) -> None:
    snapshot, raw, multiline = case
    text = trim(raw, snapshot, multiline=multiline).text
    rest = snapshot.line_suffix.strip()
    if re.search(r"\w", rest) and text.endswith(rest):
        kept = text[: -len(rest)]
        assert re.fullmatch(r"\w\w", kept[-1:] + rest[:1]), "only inside a word"


@untimed
@given(cases())
def test_a_line_below_is_not_said_again(case: tuple[Snapshot, str, bool | None]) -> None:
    snapshot, raw, multiline = case
    if snapshot.line_suffix.strip():
        return
    below = [line for line in re.split(r"\r\n|\r|\n", snapshot.suffix)[1:] if line.strip()]
    lines = trim(raw, snapshot, multiline=multiline).text.split(snapshot.eol)
    if below and len(squashed(below[0])) >= 4 and re.match(r"\s*\w{2}", below[0]):
        assert below[0].rstrip() not in lines[1:]


BALANCED = st.recursive(
    st.sampled_from(["a", "b1", "x, y", "f", "a.b", "x = 1", ""]),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["()", "[]"]), inner, inner).map(
            lambda t: f"f{t[0][0]}{t[1]}{t[0][1]} {t[2]}"
        ),
        st.tuples(inner, inner).map(lambda t: f"{t[0]}, {t[1]}"),
    ),
    max_leaves=6,
)
CALLS = [
    "foo(‸)",
    "foo(‸",
    "foo(a, ‸);",
    "x = [‸]",
    "if (‸) {\n}",
    "f(g(‸)\n",
    "f(‸, b)",
    "‸",
    "f(‸x)",
]


def faults(text: str) -> int:
    """Brackets without a partner."""
    stack: list[str] = []
    n_faults = 0
    for char in text:
        if char in "([{":
            stack.append({"(": ")", "[": "]", "{": "}"}[char])
        elif char in ")]}":
            if stack and stack[-1] == char:
                stack.pop()
            else:
                n_faults += 1
    return n_faults + len(stack)


@untimed
@given(
    st.sampled_from(CALLS), BALANCED, st.sampled_from(["", ")", "]", "))", ");", ") {", " + x)"])
)
def test_brackets_are_never_worse_than_without(marked: str, inside: str, tail: str) -> None:
    before, _, after = marked.partition("‸")
    snapshot = Snapshot("file:///a.js", 1, "javascript", before + after, len(before))
    shown = trim(inside + tail, snapshot, multiline=False)
    assert faults(before + shown.text + after) <= faults(before + after)


@untimed
@given(cases())
def test_after_accepting_the_rest_adds_nothing(case: tuple[Snapshot, str, bool | None]) -> None:
    snapshot, raw, _ = case
    # A closing tag where no tag is open is no JSX: what follows is read in one way after the
    # cursor and in another once it is part of the text.
    assume("</" not in raw)
    shown = trim(raw, snapshot)
    rest = raw[len(shown.text) :]
    ended = {TrimReason.ALREADY_CLOSED, TrimReason.CONTROL_CHARACTER}
    if not shown.text or shown.cut not in ended or not raw.startswith(shown.text):
        return
    if not re.match("[)\\]}\x00\u2028\ufffd]", rest):
        return
    prefix = snapshot.prefix + shown.text
    text = prefix + snapshot.suffix
    after = Snapshot(snapshot.uri, 2, snapshot.language_id, text, len(prefix))
    assert trim(rest, after).text == ""
