"""Cold completions: documents of which nothing can have been computed before."""

from __future__ import annotations

import asyncio
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.editor import Editor, EditorError
from bench.trace import Delete, Move
from lsp.protocol import STATUS
from lsp.records import RequestRecord

LINES_BEFORE = 60
LINES_AFTER = 25


class Document(msgspec.Struct, frozen=True):
    """A text and the place in it where a completion is asked for."""

    uri: str
    text: str
    offset: int

    @property
    def line_end(self) -> int:
        return self.text.index("\n", self.offset)

    @property
    def asked_text(self) -> str:
        """The text when the completion is asked for: the rest of the line is gone by then."""
        return self.text[: self.offset] + self.text[self.line_end :]


def documents(n: int, *, salt: str) -> Iterator[Document]:
    """Pieces of the standard library, no two alike at either end, cut inside a line."""
    folder = Path(sysconfig.get_path("stdlib"))
    made = 0
    for path in sorted(folder.glob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        step = LINES_BEFORE + LINES_AFTER
        for first in range(0, len(lines) - step, step):
            line = lines[first + LINES_BEFORE].rstrip()
            code = line.strip()
            if not 25 < len(code) < 70 or code.startswith(("#", '"', "'")):
                continue
            before = f"# {salt} {made}\n" + "".join(lines[first : first + LINES_BEFORE])
            after = "\n" + "".join(lines[first + LINES_BEFORE + 1 : first + step])
            offset = len(before) + len(line) - len(code) + len(code) // 3
            yield Document(f"file:///bench/{salt}/{made}.py", before + line + after, offset)
            made += 1
            if made == n:
                return


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A completion as the editor saw it."""

    ms: float
    """From the request to the answer, on the wire."""
    cpu_ms: float
    """Processor time the server took meanwhile, as coarse as the system counts it."""
    record: RequestRecord


async def cold_completion(editor: Editor, document: Document) -> Answered:
    """Open a document and ask at its place. Raises EditorError."""
    buffer = editor.open(document.uri, "python", document.text)
    editor.press(Move(document.offset, 0))
    editor.press(Delete(document.offset, document.line_end - document.offset, 0))
    assert buffer.cursor == document.offset
    # The document is in the server before the clock starts, as it is when a person types.
    await editor.ask(STATUS)
    cpu = editor.cpu_seconds()
    answer = editor.complete()
    await asyncio.wait_for(answer.done.wait(), 60)
    if answer.ms is None or answer.error is not None:
        raise EditorError(f"a completion failed: {answer.error}")
    cpu = editor.cpu_seconds() - cpu
    record = (await editor.recent_requests())[-1]
    return Answered(ms=answer.ms, cpu_ms=1e3 * cpu, record=record)
