"""One conversation with an editor: the message loop around wire, session and routes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

from pygls.lsp.server import LanguageServer

from lsp.cli import sotto_version
from lsp.frames import FrameParser, Malformed, Message
from lsp.logs import LogLevel
from lsp.routes import add_routes
from lsp.session import MakeEngine, Session
from lsp.stdio import Channel
from lsp.wire import Phase, Wire, Writer, strict_converter

logger = logging.getLogger(__name__)

_MAX_WAITING = 256
"""Messages read ahead; the editor is made to wait beyond that."""


class Conversation:
    """Wires the parts together. Used as it is by tests, without a process around it."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        *,
        make_engine: MakeEngine,
        model_path: Path | None = None,
        log_level: LogLevel | None = None,
    ) -> None:
        """Must be called on the event loop."""
        server = LanguageServer(
            "sotto", sotto_version(), protocol_cls=Wire, converter_factory=strict_converter
        )
        self.wire = cast("Wire", server.protocol)
        self.wire.set_writer(Writer(write))
        self.stopped: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.session = Session(
            server,
            stop=self.stop,
            is_shut_down=lambda: self.wire.phase is Phase.SHUT_DOWN,
            request_id=self.wire.request_id,
            make_engine=make_engine,
            model_path=model_path,
            log_level=log_level,
        )
        add_routes(self.wire, self.session)

    async def receive(self, item: Message | Malformed) -> None:
        """Handle one thing that came, and let a request's handler run up to its first await.

        So what a handler does before its first await, its snapshot above all, sees the state as
        it was when the request arrived, however many messages wait.
        """
        self.wire.receive(item)
        await asyncio.sleep(0)

    def stop(self, status: int) -> None:
        """End the conversation with an exit status; the first call counts."""
        if not self.stopped.done():
            self.stopped.set_result(status)


async def converse(
    channel: Channel,
    *,
    make_engine: MakeEngine,
    model_path: Path | None,
    log_level: LogLevel | None,
    on_end: Callable[[int], None],
) -> int:
    """Serve the editor at the other end of `channel` until it leaves; returns the exit status.

    `on_end` is called with the exit status, once or more and from any thread, when the end is known
    and before anything is closed.
    """
    loop = asyncio.get_running_loop()
    conversation = Conversation(
        channel.write, make_engine=make_engine, model_path=model_path, log_level=log_level
    )
    inbox: asyncio.Queue[Message | Malformed | None] = asyncio.Queue()
    room = threading.BoundedSemaphore(_MAX_WAITING)

    def hand_over(item: Message | Malformed | None) -> None:
        # The loop may be closed already, when the process is about to end anyway.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(inbox.put_nowait, item)

    def on_left() -> None:
        logger.info("The editor closed its end.")
        on_end(1)
        hand_over(None)

    def read() -> None:
        parser = FrameParser()
        try:
            while data := channel.read():
                for item in parser.feed(data):
                    room.acquire()
                    hand_over(item)
        except Exception:
            logger.exception("The input cannot be read any more")
        finally:
            # Without a reader nothing could end the server but a signal.
            on_left()

    async def handle() -> None:
        # What the editor sent before it left is handled first: it may be an orderly end.
        while (item := await inbox.get()) is not None:
            room.release()
            try:
                await conversation.receive(item)
            except Exception:
                # Handlers catch their own errors; this is for ours. The next message may be fine.
                logger.exception("A message could not be handled")

    channel.on_broken = on_left
    threading.Thread(target=read, name="stdin", daemon=True).start()
    handler = asyncio.create_task(handle(), name="messages")
    handler.add_done_callback(
        lambda _: conversation.stop(0 if conversation.session.is_shut_down() else 1)
    )
    status = await conversation.stopped
    on_end(status)
    handler.cancel()
    await conversation.session.close()
    channel.close()
    return status
