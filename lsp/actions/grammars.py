"""What the actions know of each grammar: its functions, how they are documented, what is a stub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from lsp.context.language import Language


class DocStyle(StrEnum):
    """Where a function's documentation stands."""

    INSIDE = "inside"
    """A string that is the body's first statement."""
    BLOCK = "block"
    """A `/** */` comment above it."""
    LINES = "lines"
    """Line comments above it."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """One language's names for its nodes. Names a grammar does not have do no harm."""

    functions: frozenset[str]
    classes: frozenset[str] = frozenset()
    wrappers: frozenset[str] = frozenset()
    """Nodes that belong to the one definition inside them: decorators, `export`."""
    doc: DocStyle | None = None
    doc_mark: str = "//"
    """What begins a line of documentation of style LINES."""
    stub: re.Pattern[str] = re.compile(r"(?!)")
    """Statements that stand for a body not written yet."""
    optional_types: bool = False
    """Parameters and results may have types, and need none."""


def node_types(names: str) -> frozenset[str]:
    """A set of names that are written in one string."""
    return frozenset(names.split())


_SCRIPT = Grammar(
    functions=node_types(
        "function_declaration generator_function_declaration method_definition "
        "function_expression arrow_function"
    ),
    classes=node_types("class_declaration class interface_declaration"),
    wrappers=node_types("export_statement lexical_declaration variable_declarator"),
    doc=DocStyle.BLOCK,
    stub=re.compile(r"throw new Error\((['\"`]).*implement.*\1\);?", re.IGNORECASE),
)
_TYPED_SCRIPT = Grammar(
    _SCRIPT.functions,
    _SCRIPT.classes,
    _SCRIPT.wrappers,
    DocStyle.BLOCK,
    stub=_SCRIPT.stub,
    optional_types=True,
)
_C = Grammar(
    functions=node_types("function_definition"),
    classes=node_types("class_specifier struct_specifier"),
    wrappers=node_types("template_declaration"),
    doc=DocStyle.BLOCK,
)

_GRAMMARS = {
    "python": Grammar(
        functions=node_types("function_definition"),
        classes=node_types("class_definition"),
        wrappers=node_types("decorated_definition"),
        doc=DocStyle.INSIDE,
        stub=re.compile(r"pass|\.\.\.|raise NotImplementedError(\(.*\))?"),
        optional_types=True,
    ),
    "javascript": _SCRIPT,
    "typescript": _TYPED_SCRIPT,
    "typescriptreact": _TYPED_SCRIPT,
    "rust": Grammar(
        functions=node_types("function_item"),
        classes=node_types("struct_item enum_item trait_item"),
        doc=DocStyle.LINES,
        doc_mark="///",
        stub=re.compile(r"(todo|unimplemented)!\(.*\);?"),
    ),
    "go": Grammar(
        functions=node_types("function_declaration method_declaration"),
        doc=DocStyle.LINES,
        stub=re.compile(r"panic\(\".*implement.*\"\)", re.IGNORECASE),
    ),
    "c": _C,
    "cpp": _C,
    "java": Grammar(
        functions=node_types("method_declaration constructor_declaration"),
        classes=node_types("class_declaration interface_declaration enum_declaration"),
        doc=DocStyle.BLOCK,
        stub=re.compile(r"throw new UnsupportedOperationException\(.*\);"),
    ),
    "csharp": Grammar(
        functions=node_types("method_declaration constructor_declaration local_function_statement"),
        classes=node_types("class_declaration interface_declaration struct_declaration"),
        stub=re.compile(r"throw new NotImplementedException\(.*\);"),
    ),
    "php": Grammar(
        functions=node_types("function_definition method_declaration"),
        classes=node_types("class_declaration interface_declaration"),
        doc=DocStyle.BLOCK,
    ),
    "ruby": Grammar(
        functions=node_types("method singleton_method"), classes=node_types("class module")
    ),
    "shellscript": Grammar(functions=node_types("function_definition")),
}

_NOTHING = Grammar(functions=frozenset())


def grammar_of(language: Language) -> Grammar:
    """Empty for languages the actions know nothing of."""
    return _GRAMMARS.get(language.id, _NOTHING)
