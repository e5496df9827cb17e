"""How a language is described: its strings, comments, brackets and blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class BlockStyle(StrEnum):
    """What ends a block."""

    INDENT = "indent"
    """A line with less indentation."""
    BRACES = "braces"
    """The closing bracket."""
    END = "end"
    """A word such as `end` or `fi` at the indentation of the line that began the block."""
    FLAT = "flat"
    """Nothing: prose, data by line."""


@dataclass(frozen=True, slots=True, eq=False)
class Quote:
    """How one kind of string (or block comment) begins and ends. Itself is its identity."""

    opening: str
    closing: str
    escapes: bool = True
    """A backslash takes the next character's meaning away."""
    multiline: bool = False
    """False: an unfinished one ends with its line, so that one slip spoils one line only."""


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """One language. `id` is the LSP language id; everything else has a value for plain text.

    Languages exist once, in the table, and are told apart by identity: they key caches.
    """

    id: str
    extensions: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    """Other language ids editors send for it."""
    grammar: tuple[str, str] | None = None
    """Module and function that return the tree-sitter grammar; None where none is installed."""
    block: BlockStyle = BlockStyle.FLAT
    line_comments: tuple[str, ...] = ()
    block_comments: tuple[Quote, ...] = ()
    strings: tuple[Quote, ...] = ()
    brackets: str = ""
    """Opening and closing brackets in turn, of those that balance in code."""
    opens_block: str = ""
    """Characters that begin a block when they end a line."""
    continues: frozenset[str] = field(default_factory=frozenset[str])
    """Words that carry a finished block on (`else`) when the next line begins with one."""
    ends: frozenset[str] = field(default_factory=frozenset[str])
    """Words that close a block of style END."""
    begins: frozenset[str] = field(default_factory=frozenset[str])
    """Words that begin a block of style END when they end a line."""
    header: str = ""
    """A regular expression for whole lines that begin one, without their white space."""
    regex_literals: bool = False
    char_literals: bool = False
    """A single quote is a character only where a second one follows the character (Rust)."""
    type_arguments: bool = False
    """Types take arguments in `<` and `>`."""
    indent_width: int = 4
    uses_tabs: bool = False
    """What to indent with where the file shows no habit yet."""
