"""Other work on the machine: processes that only spin."""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType
from typing import Self


class BusyProcesses:
    """`n` of them run inside the `with`, each wanting a core for itself."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for _ in range(self._n):
            # Ends by itself if its parent dies: its stdin then closes.
            program = (
                "import sys, threading\n"
                "threading.Thread(target=lambda: sys.stdin.read() or __import__('os')._exit(0),"
                " daemon=True).start()\n"
                "while True: pass"
            )
            command = [sys.executable, "-S", "-c", program]
            self._processes.append(subprocess.Popen(command, stdin=subprocess.PIPE))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()
        self._processes.clear()
