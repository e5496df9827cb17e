"""Angle brackets of type arguments, which an editor closes like any other, and all other `<`, `>`.

Each case is a document with its cursor, what the model says, and what is then inserted there.
"""

from __future__ import annotations

import pytest

from tests.support.ghost_text import check


@pytest.mark.parametrize(
    ("language_id", "document", "says", "shows"),
    [
        ("typescript", "const m: Map<string, ‸>\n", "number>()", "number"),
        ("typescript", "const m: Map<string, ‸>\n", "number> = new Map();", "number"),
        ("typescript", "const m: Map<string, ‸>\n", "Set<number>>()", "Set<number>"),
        ("typescript", "const m: Map<string, ‸>\n", "() => void>()", "() => void"),
        ("typescript", "const m: Map<string, ‸>\n", "number", "number"),
        ("typescript", "const m: Map<string, ‸\n", "number>()", "number>()"),
        ("typescript", "m = new Map<string, ‸>();\n", "number>();", "number"),
        ("typescript", "const m: Map<string, Set<‸>>\n", "number>>()", "number"),
        ("typescript", "const m: Map<string, Set<‸>\n", "number>>()", "number>"),
        ("typescript", "const m: Map<Set<‸>, string>\n", "number>, string>()", "number"),
        ("typescriptreact", "useState<‸>()\n", "string | null>(null)", "string | null"),
        ("java", "List<‸> names;\n", "String> names = x;", "String"),
        ("java", "public <‸> void f();\n", "T extends A> void g();", "T extends A"),
        ("csharp", "List<‸> names;\n", "string> names;", "string"),
        ("cpp", "std::vector<‸> v;\n", "int> w;", "int"),
        ("rust", "let v = x.collect::<‸>();\n", "Vec<_>>();", "Vec<_>"),
        ("rust", "fn f(x: Box<‸>)\n", "dyn Fn(i32) -> i32>)", "dyn Fn(i32) -> i32"),
        ("rust", "fn f<‸>(x: &str) {}\n", "'a, T: Clone>(x: &'a T)", "'a, T: Clone"),
    ],
)
def test_type_arguments(language_id: str, document: str, says: str, shows: str) -> None:
    check(language_id, document, says, shows)


@pytest.mark.parametrize(
    ("language_id", "document", "says"),
    [
        ("typescript", "if (a ‸> b) {\n}\n", "< c && d "),
        ("typescript", "const x = a ‸>> 2;\n", "> b + c"),
        ("typescript", "if (i < n && ‸) {\n}\n", "a > b"),
        ("typescript", "if (i < n && j ‸>= m) {\n}\n", "> k && l "),
        ("typescript", "const f = (a ‸) => a;\n", "= b > c"),
        ("typescript", 'x = "Map<‸>";\n', "a> b"),
        ("python", "if a <‸> b:\n", "c > d"),
    ],
)
def test_comparisons_shifts_and_arrows(language_id: str, document: str, says: str) -> None:
    check(language_id, document, says, says.rstrip() if document.endswith("‸\n") else says)
