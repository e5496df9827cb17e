"""Where no suggestion is asked for, and that the reasons cost next to nothing to find."""

from __future__ import annotations

import pytest

from lsp.context.gates import (
    GateLimits,
    GateReason,
    Trigger,
    is_editable,
    should_suggest,
)
from lsp.document import Snapshot
from tests.support.cursor import at_cursor


def check(document: str, reason: GateReason | None, trigger: Trigger = Trigger.AUTOMATIC) -> None:
    assert should_suggest(at_cursor(document), trigger) == reason


@pytest.mark.parametrize(
    "line",
    [
        "value = ‸",
        "value‸",
        "    ‸",
        "print(‸)",
        "print(‸);",
        "print('‸')",
        "if (‸) {",
        "foo([‸]):",
        "{‸}",
        "f(a, ‸   ",
        "<p>‸</p>",
        "/* ‸ */",
        "a.‸",
    ],
)
def test_open(line: str) -> None:
    check(f"import os\n{line}\nx = 1\n", None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("val‸ue = 1", GateReason.MID_IDENTIFIER),
        ("vé‸é = 1", GateReason.MID_IDENTIFIER),
        ("a‸_b", GateReason.MID_IDENTIFIER),
        ("f(‸value)", GateReason.TEXT_AFTER_CURSOR),
        ("‸value = 1", GateReason.TEXT_AFTER_CURSOR),
        ("x = ‸ + 1", GateReason.TEXT_AFTER_CURSOR),
        ("f(‸) + g()", GateReason.TEXT_AFTER_CURSOR),
        ("f(‸, b)", GateReason.TEXT_AFTER_CURSOR),
    ],
)
def test_unlikely_to_help(line: str, reason: GateReason) -> None:
    document = f"import os\n{line}\nx = 1\n"
    check(document, reason)
    check(document, None, Trigger.INVOKED)


def test_too_little_text() -> None:
    check("x=‸", GateReason.TOO_LITTLE_TEXT)
    check("‸", GateReason.TOO_LITTLE_TEXT)
    check("x=‸", None, Trigger.INVOKED)
    check("x = 1‸", GateReason.TOO_LITTLE_TEXT)
    check("x = 10‸", None)


@pytest.mark.parametrize("trigger", list(Trigger))
class TestWrongOrCostly:
    """Also refused when the user asks."""

    def test_selection(self, trigger: Trigger) -> None:
        snapshot = at_cursor("value = ‸")
        assert should_suggest(snapshot, trigger, has_selection=True) == GateReason.SELECTION

    @pytest.mark.parametrize(
        "scheme", ["git", "output", "debug", "vscode-scm", "gitlens", "search-editor"]
    )
    def test_read_only(self, trigger: Trigger, scheme: str) -> None:
        snapshot = at_cursor("value = ‸", uri=f"{scheme}:/a/b.py")
        assert should_suggest(snapshot, trigger) == GateReason.READ_ONLY

    def test_disabled_language(self, trigger: Trigger) -> None:
        limits = GateLimits(disabled_languages=frozenset({"python"}))
        snapshot = at_cursor("value = ‸")
        assert should_suggest(snapshot, trigger, limits=limits) == GateReason.LANGUAGE_DISABLED

    def test_large_document(self, trigger: Trigger) -> None:
        limits = GateLimits(max_document_chars=100)
        assert should_suggest(at_cursor("x" * 50 + "\n‸"), trigger, limits=limits) is None
        reason = should_suggest(at_cursor("x\n" * 51 + "‸"), trigger, limits=limits)
        assert reason == GateReason.DOCUMENT_TOO_LARGE

    @pytest.mark.parametrize("line", ["{0}‸", "‸{0}", "{0}‸{0}"])
    @pytest.mark.parametrize("eol", ["\n", "\r\n", "\r"])
    def test_long_line(self, trigger: Trigger, line: str, eol: str) -> None:
        document = f"a = 1{eol}{line.format('x;' * 3_000)}{eol}b = 2"
        assert should_suggest(at_cursor(document), trigger) == GateReason.LINE_TOO_LONG

    def test_short_line_between_long_ones(self, trigger: Trigger) -> None:
        long = "x;" * 5_000
        assert should_suggest(at_cursor(f"{long}\nvalue = ‸\n{long}"), trigger) is None

    @pytest.mark.parametrize(
        "document",
        ["value\0 = ‸", "\0" + "x = 1\n" * 5_000 + "y = ‸", "x = ‸\n" + "\ufffd\x01" * 100],
    )
    def test_binary(self, trigger: Trigger, document: str) -> None:
        assert should_suggest(at_cursor(document), trigger) == GateReason.BINARY


def test_text_with_a_stray_control_character_is_text() -> None:
    check("import os\n" * 20 + "\x0c\nvalue = ‸\n", None)
    check("import os\n" * 20 + "esc = '\x7f'\nvalue = ‸\n", None)


@pytest.mark.parametrize(
    ("uri", "editable"),
    [
        ("file:///a/b.py", True),
        ("untitled:Untitled-1", True),
        ("vscode-notebook-cell:/a.ipynb#W0", True),
        ("vscode-remote://wsl/a.py", True),
        ("/a/b.py", True),
        ("C:\\a\\b.py", True),
        ("FILE:///a.py", True),
        ("git:/a/b.py?x", False),
        ("output:tasks", False),
    ],
)
def test_schemes(uri: str, editable: bool) -> None:
    assert is_editable(uri) == editable


def test_every_reason_has_a_sentence() -> None:
    sentences = [reason.sentence for reason in GateReason]
    assert len(set(sentences)) == len(sentences)
    assert all(sentence.endswith(".") for sentence in sentences)


def test_a_huge_line_is_never_copied() -> None:
    class Watched(str):
        """Reports how much of it is cut out."""

        __slots__ = ()
        longest = 0

        def __getitem__(self, key: object) -> str:
            found = super().__getitem__(key)  # pyright: ignore[reportArgumentType]
            Watched.longest = max(Watched.longest, len(found))
            return found

    text = Watched("x" * 1_000_000)
    snapshot = Snapshot("file:///a.py", 1, "python", text, 500_000)
    assert should_suggest(snapshot, Trigger.AUTOMATIC) == GateReason.LINE_TOO_LONG
    assert Watched.longest < 20_000
