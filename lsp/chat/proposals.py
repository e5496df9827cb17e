"""Changes to files that a model proposes: applied to a copy, checked, shown as a diff and as an
edit for the editor. Nothing here writes a file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from lsp.changes import exact
from lsp.chat.protocol import ProposedEdit
from lsp.chat.replacement import (
    NoPlaceError,
    dominant_eol,
    indent,
    lines_of,
    reindented,
    replaced,
    with_eol,
)
from lsp.context.languages import language_of, parser_of
from lsp.context.outline import Symbol, outline
from lsp.line_index import LineIndex
from lsp.positions import Encoding, position_at
from lsp.project.paths import PathRefusedError
from lsp.project.workspace import UnreadableError, Workspace
from lsp.replies.marks import path_in_comment
from lsp.replies.reading import Block, read_text
from lsp.replies.replacements import Replacement

_ELISION = re.compile(
    r"^\s*(?:#|//|--|/\*|<!--)?\s*(?:\.\.\.|…)[^=()]*$"
    r"|(?:#|//|--|/\*)\s*(?:\.\.\.|…|(?:rest|remainder) of|existing code|unchanged)",
    re.MULTILINE | re.IGNORECASE,
)

_SHELLS = frozenset(["", "text", "console", "bash", "sh", "shell", "zsh", "output", "tool_code"])

Version = Callable[[Path], int | None]
"""Of the editor's copy of a file; None where it has none."""


class EditRefusedError(Exception):
    """The message says why, for the model and the person."""


@dataclass(frozen=True, slots=True)
class Refused:
    path: str
    reason: str


@dataclass(slots=True)
class Proposals:
    """What was proposed in one answer. The texts are in `workspace.proposed`."""

    workspace: Workspace
    version: Version = lambda _path: None
    encoding: Encoding = Encoding.UTF16
    refused: list[Refused] = field(default_factory=list[Refused])

    def replace(self, path: str, old: str, new: str) -> Path:
        """Proposes one replacement; with an empty `old`, a new file.

        Raises `EditRefusedError`.
        """
        target, text = self._read(path)
        changed = _replaced(path, text, Replacement(old, new), whole_lines=False)
        if text is not None and breaks(text, changed, str(target)):
            raise _broken(self.workspace.shown(target))
        self.workspace.proposed[target] = changed
        return target

    def apply_reply(self, reply: str, default_path: str = "") -> None:
        """Proposes what the blocks of a reply say. What cannot be done is in `refused`, and then
        nothing else is proposed for that file."""
        failed: dict[str, str] = {}
        touched: dict[str, Path] = {}
        for block in _blocks(reply):
            path = block.path or default_path
            if path in failed:
                continue
            try:
                touched[path] = self._apply(block, path)
            except EditRefusedError as error:
                failed[path] = str(error)
        for path, target in touched.items():
            # Only now: of several changes to a file one may need the other.
            if path not in failed and self._is_broken(target):
                failed[path] = str(_broken(self.workspace.shown(target)))
            if path in failed:
                # Half of a change is worse than none.
                self.workspace.proposed.pop(target, None)
        self.refused += [Refused(path, reason) for path, reason in failed.items()]

    def edits(self) -> tuple[ProposedEdit, ...]:
        """One for each file, in the order they were proposed; then what was refused."""
        made = [self._edit(path, text) for path, text in self.workspace.proposed.items()]
        refused = [
            ProposedEdit(uri="", path=r.path, diff="", edit=None, refusal=r.reason)
            for r in self.refused
        ]
        return (*(edit for edit in made if edit is not None), *refused)

    def _apply(self, block: Block, path: str) -> Path:
        if not block.is_closed or not block.is_finished:
            raise EditRefusedError("The reply was cut off in the middle of this block.")
        if not path:
            raise EditRefusedError("The block names no file.")
        target, text = self._read(path)
        if block.replacements is None:
            # Code without markers takes the place of the one thing it defines, or is a new file.
            code = block.text + "\n"
            if _ELISION.search(code):
                raise EditRefusedError(f"{path}: the block leaves code out.")
            text = code if text is None else with_definition(text, code, path)
        elif not block.replacements:
            raise EditRefusedError(f"{path}: the block changes nothing.")
        else:
            for replacement in block.replacements:
                text = _replaced(path, text, replacement, whole_lines=True)
        assert text is not None
        self.workspace.proposed[target] = text
        return target

    def _read(self, path: str) -> tuple[Path, str | None]:
        try:
            target = self.workspace.resolve(path)
            text = self.workspace.read(target) if self.workspace.exists(target) else None
        except (PathRefusedError, UnreadableError) as error:
            raise EditRefusedError(str(error)) from None
        return target, text

    def _is_broken(self, target: Path) -> bool:
        try:
            former = self.workspace.original(target)
        except UnreadableError:
            return False
        return breaks(former, self.workspace.proposed[target], str(target))

    def _edit(self, path: Path, text: str) -> ProposedEdit | None:
        try:
            former = self.workspace.original(path)
        except UnreadableError:
            former = ""
        exists = self.workspace.open_text(path) is not None or path.exists()
        if exists and former == text:
            return None
        uri, shown = path.as_uri(), self.workspace.shown(path)
        document = {"uri": uri, "version": self.version(path)}
        change = {"textDocument": document, "edits": text_edits(former, text, self.encoding)}
        created = [] if exists else [{"kind": "create", "uri": uri}]
        return ProposedEdit(
            uri=uri,
            path=shown,
            diff=unified(former, text, shown),
            edit={"documentChanges": [*created, change]},
        )


def _blocks(reply: str) -> Iterator[Block]:
    """Those that say what to change: not the examples for the reader, which are in a shell's or no
    language and name no file."""
    for block in read_text(reply).blocks:
        if block.path or block.replacements is not None:
            yield block
            continue
        first, _, rest = block.text.partition("\n")
        path = path_in_comment(first)
        if path:
            yield replace(block, path=path, text=rest)
        elif block.language not in _SHELLS:
            yield block


def _replaced(path: str, text: str | None, change: Replacement, *, whole_lines: bool) -> str:
    """Raises `EditRefusedError`."""
    if text is None or not change.search.strip():
        if text is None and change.search.strip():
            raise EditRefusedError(f"{path} does not exist.")
        if text is not None and text.strip():
            raise EditRefusedError(f"{path} exists: quote the text to replace.")
        return change.replace
    try:
        return replaced(text, change.search, change.replace, whole_lines=whole_lines)
    except NoPlaceError as error:
        raise EditRefusedError(f"{path}: {error}") from None


def _broken(path: str) -> EditRefusedError:
    return EditRefusedError(f"{path} would no longer be valid code after this change.")


def with_definition(text: str, code: str, path: str) -> str:
    """`text` with the definition of the same name replaced by `code`, indented as that is.

    Raises `EditRefusedError`.
    """
    defined = [symbol for symbol in outline(code, path) or () if symbol.depth == 0]
    if len(defined) != 1:
        raise EditRefusedError(f"{path}: the block does not say what it replaces.")
    lines = lines_of(code.strip("\n") + "\n")
    stray = [*lines[: defined[0].first_line - 1], *lines[defined[0].last_line :]]
    if any(line.strip() for line in stray):
        raise EditRefusedError(f"{path}: the block holds more than one definition.")
    former = [symbol for symbol in outline(text, path) or () if symbol.name == defined[0].name]
    if not former:
        raise EditRefusedError(f"{path} does not define {defined[0].name}.")
    if len(former) > 1:
        raise EditRefusedError(f"{path} defines {defined[0].name} {len(former)} times.")
    return _in_place_of(text, former[0], lines)


def _in_place_of(text: str, symbol: Symbol, lines: list[str]) -> str:
    kept = lines_of(text)
    found = kept[symbol.first_line - 1 : symbol.last_line]
    margin, own = indent(found[0]), indent(lines[0])
    moved = reindented(lines, [own + "x"], [margin + "x"])
    body = with_eol("".join(moved).rstrip("\n"), dominant_eol(text))
    ending = found[-1][len(found[-1].rstrip("\r\n")) :]
    return "".join((*kept[: symbol.first_line - 1], body + ending, *kept[symbol.last_line :]))


def breaks(before: str, after: str, path: str) -> bool:
    """Whether code that was valid is not any more; False where no grammar can tell."""
    parser = parser_of(language_of("plaintext", path))
    if parser is None:
        return False

    def is_broken(text: str) -> bool:
        return parser.parse(text.encode("utf-8", "replace")).root_node.has_error

    return is_broken(after) and not is_broken(before)


def unified(before: str, after: str, path: str) -> str:
    """A unified diff for people; line endings are not shown."""
    old, new = ([line.rstrip("\r\n") for line in lines_of(text)] for text in (before, after))
    lines = difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm="")
    return "\n".join(lines) + "\n"


def text_edits(before: str, after: str, encoding: Encoding) -> list[dict[str, object]]:
    """The fewest characters that make one of the other, as `TextEdit`s."""
    lines = LineIndex(before)

    def position(offset: int) -> dict[str, int]:
        found = position_at(before, lines, offset, encoding)
        return {"line": found.line, "character": found.character}

    return [
        {
            "range": {"start": position(change.span.start), "end": position(change.span.end)},
            "newText": change.text,
        }
        for change in exact(before, after)
    ]
