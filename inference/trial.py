"""Loads a model file that was not seen before in a short-lived child process, on trial.

The checks in `inference.models` know what common architectures end the process for, not all of
them. So an unknown file is loaded once where it can do no harm: if it ends the child, or stops it,
the file is refused with one sentence, and this process lives. The verdict is remembered for the
file's identity and the runtime's version.

This keeps crashes away, not attackers: the child has the user's rights.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import IO, Literal

import msgspec

from inference.backends.base import LoadCancelledError
from inference.config import EngineConfig
from inference.errors import ModelNotFoundError, ModelTooLargeError
from inference.models.draft import Draft
from inference.models.identity import model_identity
from inference.models.refusals import changed, deadly, printable, shown
from inference.models.summary import ModelSummary
from inference.verdicts import Verdict, Verdicts

_log = logging.getLogger(__name__)
CHILD: Sequence[str] = (sys.executable, "-I", "-m", "inference.trial_child")
"""Isolated: neither the working folder nor PYTHONPATH can put modules in its way."""
START_S = 45.0
"""For Python and the runtime's libraries, on a machine that has much else to do."""
PATIENCE_S = 20.0
"""For the file, once all is there that is needed for it."""
_SLOW_DISK_BYTES_PER_S = 25e6
"""A slow network drive; the larger a file, the longer it may take."""
_POLL_S = 0.02
_END_S = 5.0
_KEPT_LINES = 20
_MAX_LINE_BYTES = 4096
_MAX_WORDS_CHARS = 200


class TrialMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of JSON from the child."""

    stage: Literal["started", "progress", "usable", "unusable", "unreadable", "too-large"]
    """`started`: what is needed is imported, the file comes next. The last four are the end."""
    progress: float = 0.0
    text: str = ""
    """Why, where it is of no use."""


class TrialUnavailableError(Exception):
    """No child can be started on this system."""


def ensure_tried(
    summary: ModelSummary,
    config: EngineConfig,
    report: Callable[[float], bool],
    verdicts: Verdicts | None = None,
    draft: Draft | None = None,
) -> bool:
    """Tries the model unless that was done before. Returns whether it was tried now.

    Args:
        report: called with the trial's progress, 0 to 1; returning False ends the trial.
        draft: tried together with it.

    Raises `InvalidModelError` for a file on which a trial failed, now or before,
    `ModelTooLargeError`, `ModelNotFoundError` or `LoadCancelledError`.
    """
    verdict = (verdicts or Verdicts()).get(_key(summary, config, draft))
    if verdict is None:
        _log.info("%s was not seen before and is loaded on trial.", summary.path.name)
        try:
            try_model(summary, config, report, verdicts, draft)
        except TrialUnavailableError as error:
            # Then nobody could use a model of their own. The checks in Python still count.
            _log.warning("A model cannot be tried in a process of its own: %s", error)
        return True
    if verdict.failure is not None:
        raise deadly((draft and draft.path) or summary.path, verdict.failure)
    return False


def try_model(
    summary: ModelSummary,
    config: EngineConfig,
    report: Callable[[float], bool] = lambda _progress: True,
    verdicts: Verdicts | None = None,
    draft: Draft | None = None,
) -> None:
    """Tries the model, whatever is remembered of it, and remembers the verdict.

    Raises what `ensure_tried` does, and `TrialUnavailableError`.
    """
    key = _key(summary, config, draft)
    verdict = _try(summary, config, draft, report)
    if _key(summary, config, draft) != key:
        # Of which of its contents the verdict is cannot be told, nor was what is there now checked.
        raise changed(summary.path)
    (verdicts or Verdicts()).put(key, verdict)
    if verdict.failure is not None:
        raise deadly((draft and draft.path) or summary.path, verdict.failure)


def _key(summary: ModelSummary, config: EngineConfig, draft: Draft | None) -> str:
    # Imported only now: this loads the runtime's libraries.
    from inference.backends.llama_cpp_info import runtime_info

    runtime = runtime_info()
    device = "gpu" if runtime.has_gpu and config.n_gpu_layers != 0 else "cpu"
    key = f"{model_identity(summary)} {runtime.version} {device}"
    if draft is None:
        return key
    return f"{key} {draft.kind} {model_identity(draft.summary) if draft.summary else ''}".rstrip()


def _try(
    summary: ModelSummary,
    config: EngineConfig,
    draft: Draft | None,
    report: Callable[[float], bool],
) -> Verdict:
    arguments: list[str | os.PathLike[str]] = [*CHILD]
    if config.n_gpu_layers is not None:
        arguments += ["--gpu-layers", str(config.n_gpu_layers)]
    if config.n_threads is not None:
        arguments += ["--threads", str(config.n_threads)]
    size_bytes = summary.size_bytes
    if draft is not None:
        arguments += ["--draft-file", draft.path] if draft.path else ["--draft-heads"]
        size_bytes = draft.added_to(summary).size_bytes
    patience_s = PATIENCE_S + size_bytes / _SLOW_DISK_BYTES_PER_S
    trial = _Trial([*arguments, summary.path])
    try:
        is_over = trial.wait(patience_s, report)
    finally:
        trial.end()
    return _verdict(trial, summary) if is_over else Verdict(f"no end in {patience_s:.0f} s")


def _verdict(trial: _Trial, summary: ModelSummary) -> Verdict:
    """What a child's last words and its exit status mean."""
    last = trial.messages[-1] if trial.messages else None
    if last is None:
        raise TrialUnavailableError(f"status {trial.status}: {trial.last_line() or 'no reason'}")
    if trial.status == 0 and last.stage == "usable":
        return Verdict()
    if trial.status == 0 and last.stage == "too-large":
        raise ModelTooLargeError(last.text)
    if trial.status == 0 and last.stage == "unreadable":
        raise ModelNotFoundError(last.text)
    if trial.status == 0 and last.stage == "unusable":
        said = last.text.replace(printable(summary.path), "it")
        words = "".join(c if c.isprintable() else " " for c in said)
        return Verdict(f"it failed ({words[:_MAX_WORDS_CHARS].rstrip('.')})")
    if sys.platform != "win32" and trial.status == -signal.SIGKILL:
        # Not ours: the trial was over. So it was the system, and the verdict is not the file's.
        raise ModelTooLargeError(
            f"The system ended the process in which {printable(summary.path)} was tried, as it does"
            " when memory runs out: choose a smaller model or quantization, or close other"
            " programs."
        )
    line = trial.last_line()
    ended = f"the runtime ended with {_status_name(trial.status)}"
    return Verdict(f"{ended} ({line})" if line else ended)


def _status_name(status: int) -> str:
    with contextlib.suppress(ValueError):
        if status < 0:
            return signal.Signals(-status).name
    return f"status {status & 0xFFFFFFFF:#x}" if status > 255 else f"status {status}"


class _Trial:
    """A running child, and what it said."""

    def __init__(self, command: Sequence[str | os.PathLike[str]]) -> None:
        """Raises `TrialUnavailableError`."""
        self.messages: deque[TrialMessage] = deque(maxlen=_KEPT_LINES)
        self._noise: deque[bytes] = deque(maxlen=_KEPT_LINES)
        self.progress = 0.0
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [os.fspath(word) for word in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Not the working folder, which may be the workspace.
                cwd=Path(__file__).parent,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise TrialUnavailableError(str(error)) from error
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            Thread(target=self._read, args=(pipe, see), daemon=True)
            for pipe, see in (
                (self._process.stdout, self._take),
                (self._process.stderr, self._noise.append),
            )
        ]
        for reader in self._readers:
            reader.start()

    @property
    def status(self) -> int:
        """Of the child that has ended."""
        return self._process.returncode

    def last_line(self) -> str:
        """The last thing that the child, or a library in it, said in plain words; it is out of
        the child, so it is made safe. Folders of the machine that built the runtime are left
        out."""
        lines = [line.decode("utf-8", "replace").strip() for line in self._noise]
        line = next((line for line in reversed(lines) if line), "")
        return shown(line.rpartition("/")[2]) if line else ""

    def wait(self, patience_s: float, report: Callable[[float], bool]) -> bool:
        """Returns whether the child ended by itself, `patience_s` after it had started at the
        latest.

        Raises `LoadCancelledError` once `report` returns False.
        """
        deadline = time.monotonic() + START_S
        has_started = False
        while True:
            if self.messages and not has_started:
                has_started = True
                deadline = time.monotonic() + patience_s
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_POLL_S)
                return True
            if not report(self.progress):
                raise LoadCancelledError
            if time.monotonic() > deadline:
                if not has_started:
                    raise TrialUnavailableError(f"not started after {START_S:.0f} s")
                return False

    def end(self) -> None:
        """Leaves nothing of the child behind, and takes in what it said last. Idempotent."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if sys.platform == "win32":
                    self._process.kill()
                else:
                    # Its whole group, whatever it may have started.
                    os.killpg(self._process.pid, signal.SIGKILL)
        # A process in the middle of a disk's I/O ends a little later; it is not waited for.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        for reader in self._readers:
            reader.join(_END_S)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _take(self, line: bytes) -> None:
        with contextlib.suppress(msgspec.DecodeError):
            message = msgspec.json.decode(line, type=TrialMessage)
            self.progress = max(self.progress, message.progress)
            self.messages.append(message)

    @staticmethod
    def _read(pipe: IO[bytes], see: Callable[[bytes], None]) -> None:
        # Bounded, so a child that writes without end costs no memory here.
        with contextlib.suppress(OSError, ValueError):
            while line := pipe.readline(_MAX_LINE_BYTES):
                see(line)
