"""The servers that the latency benchmark types into, each in a fresh process with one driver."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from bench import llama_ideal, llama_vim
from bench.busy import busy
from bench.editor import Editor, sotto_command
from bench.latency_report import Run, run_of
from bench.llama_ideal import LlamaIdeal
from bench.llama_server import LlamaServer
from bench.llama_vim import LlamaVim
from bench.prompt_ids import PromptIds
from bench.replay import Driver, replay
from bench.sotto_driver import SottoDriver
from bench.trace import Session
from lsp.protocol import StatusModel
from lsp.settings import InlineCompletionSettings

SOTTO = "sotto"
INFILL = "llama-server, llama.vim"
IDEAL = "llama-server, ideal client"


class Contenders:
    """What is fixed while the runs differ only in who is typed into. Sotto goes first: the model
    file and the threads of the others are those it chose."""

    def __init__(self, options: argparse.Namespace, sessions: list[Session]) -> None:
        self._model: Path | None = options.model
        self._program: Path | None = options.llama_server
        self._speed: float | None = options.speed
        self._cancels: bool = options.cancels
        self._tells_cursor: bool = options.warm_up
        self._n_busy: int = options.busy
        self._max_tokens: int | None = options.max_tokens
        self._sessions = sessions
        self.server_options = _server_options(options)
        self.peer_arguments = {
            INFILL: (*llama_vim.SERVER_ARGUMENTS, *options.peer_argument),
            IDEAL: (*llama_ideal.SERVER_ARGUMENTS, *options.peer_argument),
        }
        self.model: StatusModel
        self.n_threads = 0

    async def run(self, name: str) -> Run:
        """One run. Raises EditorError or PeerError."""
        return await (self._sotto() if name == SOTTO else self._peer(name))

    async def _sotto(self) -> Run:
        arguments = [] if self._model is None else ["--model", str(self._model)]
        async with Editor(sotto_command(*arguments), options=self.server_options) as editor:
            status = await editor.ready(self._model)
            assert status.model is not None
            self.model, self.n_threads = status.model, status.threads
            driver = SottoDriver(editor, cancels=self._cancels, tells_cursor=self._tells_cursor)

            async def cost() -> dict[str, Any]:
                await driver.finish()
                return msgspec.to_builtins(driver.cost())

            return await self._type(SOTTO, driver, editor, cost)

    async def _peer(self, name: str) -> Run:
        assert self._program is not None
        arguments = self.peer_arguments[name]
        if name == IDEAL:
            arguments = ("--ctx-size", str(self.model.n_ctx), *arguments)
        model = Path(self.model.path)
        with ExitStack() as stack:
            async with LlamaServer(
                self._program, model, n_threads=self.n_threads, arguments=arguments
            ) as server:
                driver: LlamaVim | LlamaIdeal
                if name == INFILL:
                    driver = LlamaVim(server, max_tokens=self._max_tokens or llama_vim.N_PREDICT)
                else:
                    ids = PromptIds(self.model, self._max_tokens)
                    stack.callback(ids.close)
                    n = self._max_tokens or InlineCompletionSettings().max_tokens
                    driver = LlamaIdeal(server, ids, max_tokens=n)

                async def cost() -> dict[str, Any]:
                    return msgspec.to_builtins(driver.cost())

                return await self._type(name, driver, server, cost)

    async def _type(
        self,
        name: str,
        driver: Driver,
        server: Editor | LlamaServer,
        cost: Callable[[], Any],
    ) -> Run:
        with busy(self._n_busy):
            cpu, start = server.cpu_seconds(), time.perf_counter()
            keys = await replay(driver, self._sessions, speed=self._speed)
            seconds = time.perf_counter() - start
            cpu = server.cpu_seconds() - cpu
        spent = await cost()
        return run_of(name, keys, seconds, cpu, server.rss_bytes(), spent)


def _server_options(options: argparse.Namespace) -> dict[str, Any]:
    inline: dict[str, Any] = {}
    if options.min_confidence is not None:
        inline["minConfidence"] = options.min_confidence
    if options.patience is not None:
        inline["patienceMs"] = options.patience
    if options.max_tokens is not None:
        inline["maxTokens"] = options.max_tokens
    chosen: dict[str, Any] = {"inlineCompletion": inline} if inline else {}
    if options.threads is not None:
        chosen["model"] = {"threads": options.threads}
    return chosen
