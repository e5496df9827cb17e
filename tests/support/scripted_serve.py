"""The real server on a scripted model, as a process:

    python -m tests.support.scripted_serve FILE [PAUSE_MS]

FILE is a JSON list of answers, given in turn and the last one over and over; an answer that ends
with `…` never ends. With PAUSE_MS it comes in pieces of some characters, with such pauses between.
The rest of the server is what users run.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from inference import FinishReason, GenerationRequest
from lsp import logs, stdio
from lsp.conversation import converse
from tests.support.scripted_engine import EngineMaker, ScriptedGeneration

_PIECE_CHARS = 24


async def _trickle(generation: ScriptedGeneration, text: str, pause_ms: float) -> None:
    for start in range(0, len(text), _PIECE_CHARS):
        generation.send(text[start : start + _PIECE_CHARS].removesuffix("…"))
        await asyncio.sleep(pause_ms / 1000)
    if not text.endswith("…"):
        generation.finish()


def main(path: Path, pause_ms: float) -> int:
    channel = stdio.take_stdout()
    logs.configure(level="info", file=None, as_json=False)
    answers: list[str] = json.loads(path.read_text(encoding="utf-8"))
    writing: set[asyncio.Task[None]] = set()

    def say(_request: GenerationRequest) -> tuple[str, FinishReason | None]:
        text = answers.pop(0) if len(answers) > 1 else answers[0]
        if pause_ms:
            task = asyncio.create_task(_trickle(maker.generation, text, pause_ms))
            writing.add(task)
            task.add_done_callback(writing.discard)
            return "", None
        return text.removesuffix("…"), None if text.endswith("…") else FinishReason.STOP

    maker = EngineMaker(answer=say)
    maker.supports_chat = True
    return asyncio.run(
        converse(
            channel,
            make_engine=maker,
            model_path=None,
            log_level=None,
            on_end=lambda _status: None,
        )
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float((*sys.argv[2:], 0)[0])))
