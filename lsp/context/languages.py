"""What Sotto knows of each language: how it is written, and which grammar reads it.

A language is found by its LSP language id and, where the editor sends none worth having, by the
file's extension. One without a grammar still has brackets, comments and blocks by indentation.
"""

from __future__ import annotations

import importlib
import logging
from functools import cache
from pathlib import PurePosixPath

import tree_sitter

from lsp.context.language import BlockStyle, Language, Quote

logger = logging.getLogger(__name__)


_DOUBLE = Quote('"', '"')
_SINGLE = Quote("'", "'")
_BACKTICK = Quote("`", "`", multiline=True)
_RAW_BACKTICK = Quote("`", "`", escapes=False, multiline=True)
_SLASHES = Quote("/*", "*/", escapes=False, multiline=True)
_XML = Quote("<!--", "-->", escapes=False, multiline=True)

_C_WORDS = frozenset({"else", "while", "catch", "finally"})


def _braces(
    language_id: str,
    *extensions: str,
    aliases: tuple[str, ...] = (),
    grammar: tuple[str, str] | None = None,
    strings: tuple[Quote, ...] = (_DOUBLE, _SINGLE),
    line_comments: tuple[str, ...] = ("//",),
    regex_literals: bool = False,
    char_literals: bool = False,
    type_arguments: bool = False,
    indent_width: int = 4,
    uses_tabs: bool = False,
) -> Language:
    return Language(
        language_id,
        extensions,
        aliases,
        grammar,
        BlockStyle.BRACES,
        line_comments,
        (_SLASHES,),
        strings,
        "()[]{}",
        opens_block="{([",
        continues=_C_WORDS,
        regex_literals=regex_literals,
        char_literals=char_literals,
        type_arguments=type_arguments,
        indent_width=indent_width,
        uses_tabs=uses_tabs,
    )


_JS_STRINGS = (_DOUBLE, _SINGLE, _BACKTICK)
_TRIPLE = Quote('"""', '"""', multiline=True)

_TABLE = (
    Language(
        "python",
        (".py", ".pyi", ".pyw"),
        grammar=("tree_sitter_python", "language"),
        block=BlockStyle.INDENT,
        line_comments=("#",),
        strings=(_TRIPLE, Quote("'''", "'''", multiline=True), _DOUBLE, _SINGLE),
        brackets="()[]{}",
        opens_block=":([{",
        continues=frozenset({"else", "elif", "except", "finally", "case"}),
    ),
    _braces(
        "javascript",
        ".js",
        ".mjs",
        ".cjs",
        ".jsx",
        aliases=("javascriptreact",),
        grammar=("tree_sitter_javascript", "language"),
        strings=_JS_STRINGS,
        regex_literals=True,
        indent_width=2,
    ),
    _braces(
        "typescript",
        ".ts",
        ".mts",
        ".cts",
        grammar=("tree_sitter_typescript", "language_typescript"),
        strings=_JS_STRINGS,
        regex_literals=True,
        indent_width=2,
        type_arguments=True,
    ),
    _braces(
        "typescriptreact",
        ".tsx",
        aliases=("tsx",),
        grammar=("tree_sitter_typescript", "language_tsx"),
        strings=_JS_STRINGS,
        regex_literals=True,
        indent_width=2,
        type_arguments=True,
    ),
    _braces(
        "rust",
        ".rs",
        grammar=("tree_sitter_rust", "language"),
        strings=(
            Quote('r#"', '"#', escapes=False, multiline=True),
            Quote('"', '"', multiline=True),
        ),
        char_literals=True,
        type_arguments=True,
    ),
    _braces(
        "go",
        ".go",
        grammar=("tree_sitter_go", "language"),
        strings=(_DOUBLE, _SINGLE, _RAW_BACKTICK),
        uses_tabs=True,
    ),
    _braces("c", ".c", ".h", grammar=("tree_sitter_c", "language")),
    _braces(
        "cpp",
        ".cc",
        ".cpp",
        ".cxx",
        ".hh",
        ".hpp",
        ".hxx",
        aliases=("c++", "objective-cpp", "cuda-cpp"),
        grammar=("tree_sitter_cpp", "language"),
        strings=(Quote('R"(', ')"', escapes=False, multiline=True), _DOUBLE, _SINGLE),
        type_arguments=True,
    ),
    _braces(
        "java",
        ".java",
        grammar=("tree_sitter_java", "language"),
        strings=(_TRIPLE, _DOUBLE, _SINGLE),
        type_arguments=True,
    ),
    _braces(
        "csharp",
        ".cs",
        aliases=("c#",),
        grammar=("tree_sitter_c_sharp", "language"),
        type_arguments=True,
    ),
    _braces(
        "php",
        ".php",
        grammar=("tree_sitter_php", "language_php"),
        line_comments=("//", "#"),
    ),
    _braces("kotlin", ".kt", ".kts", strings=(_TRIPLE, _DOUBLE, _SINGLE), type_arguments=True),
    _braces("swift", ".swift", strings=(_TRIPLE, _DOUBLE), type_arguments=True),
    _braces("dart", ".dart", indent_width=2, type_arguments=True),
    _braces("zig", ".zig"),
    _braces("scala", ".scala", ".sc", strings=(_TRIPLE, _DOUBLE), indent_width=2),
    _braces(
        "css", ".css", grammar=("tree_sitter_css", "language"), line_comments=(), indent_width=2
    ),
    _braces("scss", ".scss", aliases=("less",), indent_width=2),
    _braces(
        "json",
        ".json",
        grammar=("tree_sitter_json", "language"),
        strings=(_DOUBLE,),
        line_comments=(),
        indent_width=2,
    ),
    _braces("jsonc", ".jsonc", ".json5", aliases=("json5",), strings=(_DOUBLE,), indent_width=2),
    Language(
        "ruby",
        (".rb", ".rake", ".gemspec"),
        grammar=("tree_sitter_ruby", "language"),
        block=BlockStyle.END,
        line_comments=("#",),
        strings=(_DOUBLE, _SINGLE),
        brackets="()[]{}",
        opens_block="{([|",
        continues=frozenset({"else", "elsif", "when", "in", "rescue", "ensure"}),
        ends=frozenset({"end"}),
        begins=frozenset({"begin", "do", "then", "else", "ensure", "rescue"}),
        header=r"(def|class|module|if|unless|while|until|case|for|elsif|when|rescue) .*",
        regex_literals=True,
        indent_width=2,
    ),
    Language(
        "shellscript",
        (".sh", ".bash", ".zsh"),
        ("bash", "sh", "zsh"),
        grammar=("tree_sitter_bash", "language"),
        block=BlockStyle.END,
        line_comments=("#",),
        strings=(Quote('"', '"', multiline=True), Quote("'", "'", escapes=False, multiline=True)),
        # The parentheses of `case` patterns do not balance.
        brackets="[]{}",
        opens_block="{",
        continues=frozenset({"else", "elif"}),
        ends=frozenset({"fi", "done", "esac"}),
        begins=frozenset({"then", "do", "else", "in"}),
        indent_width=2,
    ),
    Language(
        "lua",
        (".lua",),
        block=BlockStyle.END,
        line_comments=("--",),
        block_comments=(Quote("--[[", "]]", escapes=False, multiline=True),),
        strings=(Quote("[[", "]]", escapes=False, multiline=True), _DOUBLE, _SINGLE),
        brackets="()[]{}",
        opens_block="{(",
        continues=frozenset({"else", "elseif"}),
        ends=frozenset({"end", "until"}),
        begins=frozenset({"repeat", "do", "then", "else"}),
        header=r"(local |return )?function\b.*\)|.*\bfunction\s*\([^)]*\)",
        indent_width=2,
    ),
    Language(
        "elixir",
        (".ex", ".exs"),
        block=BlockStyle.END,
        line_comments=("#",),
        strings=(_TRIPLE, _DOUBLE),
        brackets="()[]{}",
        opens_block="{([",
        continues=frozenset({"else", "rescue", "catch", "after"}),
        ends=frozenset({"end"}),
        begins=frozenset({"do", "fn", "else"}),
        indent_width=2,
    ),
    Language(
        "html",
        (".html", ".htm", ".xhtml"),
        grammar=("tree_sitter_html", "language"),
        block=BlockStyle.INDENT,
        block_comments=(_XML,),
        opens_block=">",
        ends=frozenset({"</"}),
        indent_width=2,
    ),
    Language(
        "xml",
        (".xml", ".svg", ".xsd", ".xsl"),
        ("xsl",),
        block=BlockStyle.INDENT,
        block_comments=(_XML,),
        opens_block=">",
        ends=frozenset({"</"}),
        indent_width=2,
    ),
    Language(
        "yaml",
        (".yaml", ".yml"),
        ("dockercompose", "github-actions-workflow"),
        block=BlockStyle.INDENT,
        line_comments=("#",),
        strings=(_DOUBLE, Quote("'", "'", escapes=False)),
        brackets="[]{}",
        opens_block=":",
        indent_width=2,
    ),
    Language(
        "toml",
        (".toml",),
        line_comments=("#",),
        strings=(_TRIPLE, _DOUBLE, Quote("'", "'", escapes=False)),
        brackets="[]{}",
    ),
    Language(
        "sql",
        (".sql",),
        line_comments=("--",),
        block_comments=(_SLASHES,),
        strings=(Quote("'", "'", escapes=False), _DOUBLE),
        brackets="()",
        opens_block="(",
    ),
    Language("makefile", (".mk",), line_comments=("#",), brackets="()", uses_tabs=True),
    Language("dockerfile", (".dockerfile",), line_comments=("#",), strings=(_DOUBLE,)),
    Language("ini", (".ini", ".cfg", ".properties"), ("properties",), line_comments=("#", ";")),
    Language("markdown", (".md", ".markdown"), block_comments=(_XML,), indent_width=2),
    Language("restructuredtext", (".rst",), indent_width=3),
    Language("plaintext", (".txt",), ("text",)),
)

PLAIN = _TABLE[-1]
"""What everything unknown is."""

_BY_ID = {name: language for language in _TABLE for name in (language.id, *language.aliases)}
_BY_EXTENSION = {suffix: language for language in _TABLE for suffix in language.extensions}
_BY_NAME = {"makefile": _BY_ID["makefile"], "dockerfile": _BY_ID["dockerfile"]}


def language_of(language_id: str, uri: str = "") -> Language:
    """The language by its LSP id, else by the extension in `uri` (or a path), else `PLAIN`.

    An id of "plaintext" is what editors send when they do not know, so the extension may tell more.
    """
    found = _BY_ID.get(language_id.lower())
    if found is not None and found is not PLAIN:
        return found
    path = PurePosixPath(uri.replace("\\", "/").partition("#")[0].partition("?")[0])
    by_name = _BY_NAME.get(path.name.lower())
    return by_name or _BY_EXTENSION.get(path.suffix.lower(), PLAIN)


@cache
def parser_of(language: Language) -> tree_sitter.Parser | None:
    """A parser for the language, or None where it has no grammar or the grammar does not load.

    Imports the grammar on first use. The grammars' packages share no types: this is the one place
    that calls into them. A parser belongs to one thread; Sotto parses on the event loop alone.
    """
    if language.grammar is None:
        return None
    module_name, function_name = language.grammar
    try:
        module = importlib.import_module(module_name)
        capsule: object = getattr(module, function_name)()
        return tree_sitter.Parser(tree_sitter.Language(capsule))
    except (ImportError, AttributeError, ValueError, TypeError, OSError):
        logger.warning("the %s grammar does not load; blocks end by indentation", language.id)
        return None
