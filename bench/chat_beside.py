"""How much longer a keystroke waits for its suggestion while the same model answers in a chat.

    python -m bench.chat_beside --model PATH.gguf [--keys N] [--speed 1|lockstep] [--rounds N]

One trace is typed into one server, in turn *alone*, *beside chat*, *beside chat*, *alone*, each
time in files whose first line is new. Beside chat means that a conversation's answer streams all
the time: when one is finished, the next question is asked. The latency is that from a key to the
answer of its request; a key that is overtaken by the next one has none (`--speed lockstep` waits
for each). The model must take conversations; one of random weights will do
(`python -m bench.shapes`).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.command import add_out, command, run
from bench.editor import Editor, EditorError, require_sotto, sotto_command
from bench.latency import SHIPPED_TRACE, parse_speed
from bench.machine import Provenance, provenance
from bench.replay import replay
from bench.sotto_driver import SottoDriver
from bench.summary import Summary, figure, ratio, summarise, table
from bench.trace import Session, read_trace, shifted, take
from lsp.protocol import CHAT

ALONE, BESIDE = "alone", "beside chat"
QUESTION = "Explain in detail how a hash table works, with code.\n" * 20
_CHAT_STARTS_S = 1.0


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """The trace typed once."""

    name: str
    n_keys: int
    answered_ms_each: list[float]
    seconds: float
    n_chats: int
    """Answers that were begun meanwhile."""


class ChatBesideResult(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    model: str
    trace: str
    speed: float | None
    turns: list[Turn]
    alone: Summary
    beside_chat: Summary
    ratio_p50: float | None
    """Beside chat over alone."""
    ratio_p95: float | None


class Chat:
    """Asks again and again until it is left. Use `async with`."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor
        self.n_asked = 0

    async def __aenter__(self) -> Chat:
        self._task = asyncio.create_task(self._run())
        await asyncio.sleep(_CHAT_STARTS_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task)

    async def _run(self) -> None:
        """Raises EditorError: a chat that failed would make the measurement worthless."""
        message = {"role": "user", "content": QUESTION}
        while True:
            answer = self._editor.request(
                CHAT, {"messages": [message], "partialResultToken": "chat"}
            )
            self.n_asked += 1
            try:
                await answer.done.wait()
            except asyncio.CancelledError:
                self._editor.cancel(answer)
                return
            if answer.error is not None:
                raise EditorError(f"a chat failed: {answer.error}")


async def type_once(
    editor: Editor, sessions: Sequence[Session], name: str, speed: float | None
) -> Turn:
    """Raises EditorError."""
    if name == ALONE:
        return await _type(editor, sessions, name, speed)
    async with Chat(editor) as chat:
        turn = await _type(editor, sessions, name, speed)
    return msgspec.structs.replace(turn, n_chats=chat.n_asked)


async def _type(
    editor: Editor, sessions: Sequence[Session], name: str, speed: float | None
) -> Turn:
    heading = f"# {time.time_ns():x}\n"
    driver = SottoDriver(editor, cancels=True)
    start = time.perf_counter()
    keys = await replay(driver, [shifted(session, heading) for session in sessions], speed=speed)
    await driver.finish()
    return Turn(
        name=name,
        n_keys=len(keys),
        answered_ms_each=[round(ms, 2) for key in keys if (ms := key.answered_ms) is not None],
        seconds=round(time.perf_counter() - start, 2),
        n_chats=0,
    )


async def measure(options: argparse.Namespace, sessions: list[Session]) -> ChatBesideResult:
    """All turns. Raises EditorError."""
    described = provenance()
    model: Path = options.model.expanduser().absolute()
    settings = {"chat": {"maxTokens": 4096, "temperature": 1.0}}
    turns: list[Turn] = []
    async with Editor(sotto_command("--model", str(model)), options=settings) as editor:
        status = await editor.ready(model)
        if status.model is None or not status.model.supports_chat:
            raise EditorError(f"{model.name} takes no conversations")
        for name in (ALONE, BESIDE, BESIDE, ALONE) * options.rounds:
            turns.append(await type_once(editor, sessions, name, options.speed))
            print(f"  {name}: {turns[-1].seconds:.0f} s", file=sys.stderr, flush=True)
    alone, beside = pooled(turns, ALONE), pooled(turns, BESIDE)
    return ChatBesideResult(
        provenance=described,
        model=model.name,
        trace=options.trace.name,
        speed=options.speed,
        turns=turns,
        alone=alone,
        beside_chat=beside,
        ratio_p50=ratio(beside.p50, alone.p50),
        ratio_p95=ratio(beside.p95, alone.p95),
    )


def pooled(turns: Sequence[Turn], name: str) -> Summary:
    """The latencies of all turns of that name."""
    return summarise(ms for turn in turns if turn.name == name for ms in turn.answered_ms_each)


def report(result: ChatBesideResult) -> str:
    """The result as text."""
    rows = [["key to answer, ms", "keys", "answered", "p50", "p95"]]
    for name, summary in ((ALONE, result.alone), (BESIDE, result.beside_chat)):
        n_keys = sum(turn.n_keys for turn in result.turns if turn.name == name)
        rows.append([name, str(n_keys), str(summary.n), figure(summary.p50), figure(summary.p95)])
    ratios = f"p50 × {figure(result.ratio_p50, 2)}, p95 × {figure(result.ratio_p95, 2)} beside chat"
    return f"{table(rows)}\n{ratios}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command("chat_beside", __doc__)
    parser.add_argument("--model", type=Path, required=True, metavar="PATH.gguf")
    parser.add_argument("--trace", type=Path, default=SHIPPED_TRACE)
    parser.add_argument("--keys", type=int, default=150, help="in one turn; default: 150")
    parser.add_argument(
        "--speed",
        type=parse_speed,
        default=1.0,
        help="divides the pauses, or: lockstep; default: 1",
    )
    parser.add_argument("--rounds", type=int, default=1, help="of four turns; default: 1")
    add_out(parser)
    options = parser.parse_args(arguments)
    require_sotto()

    def measured() -> ChatBesideResult:
        return asyncio.run(measure(options, take(read_trace(options.trace), options.keys)))

    result = run("chat-beside", measured, report, options.out)
    return int(result is None)


if __name__ == "__main__":
    raise SystemExit(main())
