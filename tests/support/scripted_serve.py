"""The real server on a scripted model, as a process:

    python -m tests.support.scripted_serve FILE [PAUSE_MS]

FILE is a JSON list of answers, taken out of it in turn; the last one stays. A test may write others
while the server runs. An answer that ends with `…` never ends. With PAUSE_MS it comes in pieces of
some characters, with such pauses between. The rest of the server is what users run.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
import time
from pathlib import Path

from inference import FinishReason, GenerationRequest
from lsp import logs, stdio
from lsp.conversation import converse
from tests.support.scripted_engine import EngineMaker, ScriptedGeneration

_PIECE_CHARS = 24

ROOT = Path(__file__).resolve().parent.parent.parent


async def _trickle(generation: ScriptedGeneration, text: str, pause_ms: float) -> None:
    for start in range(0, len(text), _PIECE_CHARS):
        generation.send(text[start : start + _PIECE_CHARS].removesuffix("…"))
        await asyncio.sleep(pause_ms / 1000)
    if not text.endswith("…"):
        generation.finish()


def main(path: Path, pause_ms: float) -> int:
    channel = stdio.take_stdout()
    logs.configure(level="info", file=None, as_json=False)
    writing: set[asyncio.Task[None]] = set()

    def say(_request: GenerationRequest) -> tuple[str, FinishReason | None]:
        text, *others = json.loads(path.read_text(encoding="utf-8"))
        if others:
            path.write_text(json.dumps(others), encoding="utf-8")
        if pause_ms:
            task = asyncio.create_task(_trickle(maker.generation, text, pause_ms))
            writing.add(task)
            task.add_done_callback(writing.discard)
            return "", None
        return text.removesuffix("…"), None if text.endswith("…") else FinishReason.STOP

    maker = EngineMaker(answer=say)
    maker.supports_chat = True
    maker.clock = time.monotonic
    return asyncio.run(
        converse(
            channel,
            make_engine=maker,
            model_path=None,
            log_level=None,
            on_end=lambda _status: None,
        )
    )


def write_program(folder: Path, answers: Path, pause_ms: int = 0) -> Path:
    """A program to be named as the server's, which runs this with the answers in that file.

    It says it is Sotto, and is called so, as an extension looks for that.
    """
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "sotto"
    arguments = [str(answers), str(pause_ms)]
    command = shlex.join([sys.executable, "-m", "tests.support.scripted_serve", *arguments])
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then echo sotto 0; exit; fi\n'
        f"cd {shlex.quote(str(ROOT))} && exec {command}\n"
    )
    program.chmod(0o755)
    return program


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float((*sys.argv[2:], 0)[0])))
