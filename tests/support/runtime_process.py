"""The bare runtime in a process of its own, started anew after it died."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer
from types import TracebackType
from typing import Self

_TIMEOUT_S = 30.0


class RuntimeProcess:
    """Loads one file after another, without any check before."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self.last_words = ""
        """Of a process that died."""
        # A file: nobody reads a pipe while a model is loaded.
        self._noise = TemporaryFile()  # noqa: SIM115 - closed with the process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def load(self, path: Path) -> str:
        """`loaded`, `refused`, `died`, or `hung`."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        timer = Timer(_TIMEOUT_S, process.kill)
        timer.start()
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        answer = process.stdout.readline().strip()
        is_late = timer.finished.is_set()
        timer.cancel()
        if answer:
            return answer
        process.communicate()
        self._process = None
        self._noise.seek(0)
        noise = self._noise.read().decode("utf-8", "replace")
        lines = [line for line in noise.splitlines() if line.strip()]
        self.last_words = lines[-1].rpartition("/")[2] if lines else ""
        return "hung" if is_late else "died"

    def close(self) -> None:
        """Ends the process. Idempotent."""
        self._noise.close()
        process, self._process = self._process, None
        if process is not None:
            process.communicate(timeout=_TIMEOUT_S)

    def _start(self) -> subprocess.Popen[str]:
        self._noise.truncate(0)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.gguf_loader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._noise,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        self._process = process
        return process
