"""`sotto pipe` on a scripted model, as a process:

    python -m tests.support.scripted_pipe ANSWER pipe --file a.py 'use sum'

The rest is what users run.
"""

from __future__ import annotations

import sys

from lsp import cli
from lsp import pipe as module
from tests.support.scripted_engine import ScriptedEngine


class PipeEngine(ScriptedEngine):
    """Also an asynchronous context manager, as the real one is."""

    said = ""
    can_chat = True

    def __init__(self, config: object) -> None:
        super().__init__(
            config,  # type: ignore[arg-type]
            answer=lambda _request: self.said,
            supports_chat=self.can_chat,
        )

    async def __aenter__(self) -> PipeEngine:
        self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()


def main(answer: str, *arguments: str) -> int:
    PipeEngine.said = answer
    module.Engine = PipeEngine  # type: ignore[assignment, misc]
    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
