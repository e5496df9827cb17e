"""How much slower suggestions are while the same model answers in a chat.

    python -m bench.chat_beside --model PATH.gguf [--rounds N]

Types into one server, parts with and without a chat beside them in turn (A B B A), and prints the
ratio of the two 95th percentiles. The model must take conversations; one of random weights will do
(`python -m bench.shapes`).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

import msgspec

from bench.cold import cold_completion, documents
from bench.editor import Editor, EditorError, require_sotto, sotto_command
from bench.machine import provenance
from bench.results import save
from bench.summary import Summary, ratio, summarise
from lsp.protocol import CHAT

PLACES_PER_PART = 20
"""Each evaluates a window of its own: seconds with a model of half a billion parameters."""
QUESTION = "Explain in detail how a hash table works, with code.\n" * 20


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds from a request for a suggestion to its answer."""

    model: str
    alone: Summary
    beside_chat: Summary
    ratio_p95: float | None
    n_chats: int
    """Answers that were begun meanwhile."""


async def measure(model: Path, rounds: int) -> Beside:
    """Raises EditorError."""
    options = {"chat": {"maxTokens": 4096, "temperature": 1.0}}
    times: dict[bool, list[float]] = {False: [], True: []}
    n_chats = 0
    async with Editor(sotto_command("--model", str(model)), options=options) as editor:
        status = await editor.ready(model)
        if status.model is None or not status.model.supports_chat:
            raise EditorError(f"{model.name} takes no conversations")
        for has_chat in [False, True, True, False] * rounds:
            chat = asyncio.create_task(_chat(editor)) if has_chat else None
            if chat is not None:
                await asyncio.sleep(1.0)
            for document in documents(PLACES_PER_PART, salt=f"{time.time_ns():x}"):
                times[has_chat].append((await cold_completion(editor, document)).ms)
            if chat is not None:
                chat.cancel()
                (n,) = await asyncio.gather(chat)
                n_chats += n
    alone, beside = summarise(times[False]), summarise(times[True])
    return Beside(
        model=model.name,
        alone=alone,
        beside_chat=beside,
        ratio_p95=ratio(beside.p95, alone.p95),
        n_chats=n_chats,
    )


async def _chat(editor: Editor) -> int:
    """Asks again and again until it is cancelled; returns how often."""
    n_asked = 0
    message = {"role": "user", "content": QUESTION}
    while True:
        answer = editor.request(CHAT, {"messages": [message], "partialResultToken": "chat"})
        n_asked += 1
        try:
            await answer.done.wait()
        except asyncio.CancelledError:
            editor.cancel(answer)
            return n_asked


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.chat_beside", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--model", type=Path, required=True, metavar="PATH.gguf")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a file for the result")
    arguments = parser.parse_args()
    require_sotto()
    made = provenance()
    try:
        result = asyncio.run(measure(arguments.model.absolute(), arguments.rounds))
    except EditorError as error:
        print(error, file=sys.stderr)
        return 1
    print(msgspec.json.format(msgspec.json.encode(result)).decode())
    print(save("chat-beside", result, made, arguments.out), file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
