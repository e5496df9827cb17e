"""The table of languages, and that every grammar in it loads and reads its language."""

from __future__ import annotations

import pytest

from lsp.context.language import BlockStyle
from lsp.context.languages import PLAIN, language_of, parser_of

SAMPLES = {
    "python": "def f(a):\n    return a\n",
    "javascript": "function f(a) { return a; }\n",
    "typescript": "function f(a: number): number { return a; }\n",
    "typescriptreact": "const f = () => <p>{a}</p>;\n",
    "rust": "fn f(a: i32) -> i32 { a }\n",
    "go": "package a\n\nfunc f(a int) int { return a }\n",
    "c": "int f(int a) { return a; }\n",
    "cpp": "template <class T> T f(T a) { return a; }\n",
    "java": "class A { int f(int a) { return a; } }\n",
    "csharp": "class A { int F(int a) { return a; } }\n",
    "php": "<?php function f($a) { return $a; }\n",
    "ruby": "def f(a)\n  a\nend\n",
    "shellscript": "f() { echo $1; }\n",
    "json": '{"a": [1, 2]}\n',
    "html": "<p>text</p>\n",
    "css": "p { color: red; }\n",
}


@pytest.mark.parametrize(("language_id", "sample"), SAMPLES.items())
def test_grammar_reads_its_language(language_id: str, sample: str) -> None:
    language = language_of(language_id)
    assert language.id == language_id
    parser = parser_of(language)
    assert parser is not None
    assert not parser.parse(sample.encode()).root_node.has_error


@pytest.mark.parametrize(
    ("language_id", "uri", "found"),
    [
        ("python", "", "python"),
        ("Python", "", "python"),
        ("javascriptreact", "", "javascript"),
        ("sh", "", "shellscript"),
        ("plaintext", "file:///a/b.rs", "rust"),
        ("", "file:///a/b.PY", "python"),
        ("", "file:///a/b.cpp?x=1#y", "cpp"),
        ("", "C:\\a\\b.go", "go"),
        ("", "file:///a/Makefile", "makefile"),
        ("", "file:///a/Dockerfile", "dockerfile"),
        ("typescript", "file:///a/b.py", "typescript"),
        ("klingon", "file:///a/b", "plaintext"),
        ("klingon", "file:///a/b.toml", "toml"),
        ("", "", "plaintext"),
    ],
)
def test_language_by_id_or_extension(language_id: str, uri: str, found: str) -> None:
    assert language_of(language_id, uri).id == found


def test_a_language_without_a_grammar_has_no_parser() -> None:
    assert parser_of(PLAIN) is None
    assert parser_of(language_of("lua")) is None


def test_plain_text_has_no_code() -> None:
    assert PLAIN.block is BlockStyle.FLAT
    assert not PLAIN.brackets
    assert not PLAIN.strings
