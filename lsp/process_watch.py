"""Waits until another process has ended."""

from __future__ import annotations

import asyncio
import logging

import psutil

logger = logging.getLogger(__name__)

_INTERVAL_S = 0.5


async def wait_for_end(process_id: int) -> None:
    """Return once the process has ended. Never returns for one that cannot be seen from here.

    An editor outside a container names an id that means nothing, or another process, inside it;
    there the end of stdin is the only sign.
    """
    try:
        process = psutil.Process(process_id)
        process.create_time()
    except psutil.Error:
        logger.info("The client's process %d cannot be seen; it is not watched.", process_id)
        await asyncio.Event().wait()
        return
    while _is_alive(process):  # noqa: ASYNC110 - nothing here could set an event
        await asyncio.sleep(_INTERVAL_S)


def _is_alive(process: psutil.Process) -> bool:
    try:
        # `is_running` compares start times, so a reused id is not mistaken for the process.
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
