"""`sotto doctor`: what this machine has, which model would be used, whether each part works."""

from __future__ import annotations

import asyncio
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Literal

import msgspec
import platformdirs

from inference import (
    Engine,
    EngineConfig,
    FimPrompt,
    GenerationRequest,
    HardwareReport,
    InferenceError,
    ModelError,
    SamplingParams,
    estimate_memory,
    hardware_report,
    inspect_model,
    try_again,
)
from lsp import installation, terminal
from lsp.cli import sotto_version
from lsp.errors import InstallationError

State = Literal["ok", "note", "failed"]
_MARKS: dict[State, tuple[str, str]] = {
    "ok": ("ok  ", "green"),
    "note": ("note", "yellow"),
    "failed": ("FAIL", "red"),
}
_GIB = 1024**3
_USUAL_N_CTX = 8192
_BUSY_CORES = 0.5
_TRIAL = FimPrompt(
    prefix="def add(a, b):\n    return a + b\n\n\ndef subtract(a, b):\n    return a",
    suffix="\n\n\ndef multiply(a, b):\n    return a * b\n",
)
_EDITORS = (("nvim", "Neovim", (0, 12)), ("hx", "Helix", (25, 7)), ("code", "VS Code", (1, 104)))


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report."""

    part: str
    state: State
    text: str
    remedy: str | None = None
    """What to do, where something does not work."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    version: str
    healthy: bool
    checks: list[Check]
    hardware: HardwareReport


def doctor(*, as_json: bool, model_path: Path | None) -> int:
    """Check every part and print what was found; returns 1 if a part does not work."""
    hardware = hardware_report()
    checks: list[Check] = []
    for check in _checks(hardware, model_path):
        checks.append(check)
        if not as_json:
            terminal.write(_line(check))
    healthy = not any(check.state == "failed" for check in checks)
    if as_json:
        report = Report(version=sotto_version(), healthy=healthy, checks=checks, hardware=hardware)
        terminal.write(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        verdict = "Everything works." if healthy else "Something does not work; see FAIL above."
        terminal.write(terminal.styled(verdict, "bold"))
    return 0 if healthy else 1


def _line(check: Check) -> str:
    mark, style = _MARKS[check.state]
    line = f"{terminal.styled(mark, style)}  {check.part:<8}  {check.text}"
    return f"{line}\n      {'':<8}  → {check.remedy}" if check.remedy else line


def _checks(hardware: HardwareReport, model_path: Path | None) -> Iterator[Check]:
    yield _installation()
    yield from _machine(hardware)
    yield _runtime(hardware)
    if hardware.runtime is not None:
        yield from _models(hardware, model_path)
    yield from _folders()
    yield from _editors()


def _installation() -> Check:
    python = f"Sotto {sotto_version()}, Python {platform.python_version()} at {sys.executable}"
    try:
        installation.check()
    except InstallationError as error:
        return Check(part="install", state="failed", text=str(error))
    return Check(part="install", state="ok", text=python)


def _machine(hardware: HardwareReport) -> Iterator[Check]:
    features = ", ".join(hardware.cpu_features) or "instruction sets not listed by the system"
    yield Check(
        part="cpu",
        state="ok",
        text=f"{hardware.cpu_name}: {hardware.n_physical_cores} cores, "
        f"{hardware.n_logical_cores} threads ({features})",
    )
    yield Check(
        part="threads",
        state="ok",
        text=f"{hardware.n_threads} for the model: {hardware.threads_reason}",
    )
    if hardware.n_busy_cores >= _BUSY_CORES:
        yield Check(
            part="threads",
            state="note",
            text=f"Other programs keep {hardware.n_busy_cores:.1f} of {hardware.n_logical_cores} "
            "cores busy now: the model uses fewer threads while these would wait for each other.",
        )
    free, total = hardware.available_memory_bytes, hardware.total_memory_bytes
    memory = f"{_size(free)} free of {_size(total)}"
    if hardware.memory_limit_bytes is not None:
        memory += f", limited to {_size(hardware.memory_limit_bytes)} by a container"
    yield Check(part="memory", state="ok", text=memory)


def _runtime(hardware: HardwareReport) -> Check:
    runtime = hardware.runtime
    if runtime is None:
        return Check(
            part="runtime",
            state="failed",
            text=hardware.runtime_error or "The model runtime cannot be loaded.",
            remedy="run `make setup`, or reinstall Sotto",
        )
    gpu = "with a GPU" if runtime.has_gpu else "on the CPU"
    return Check(part="runtime", state="ok", text=f"{runtime.name} ({runtime.version}) {gpu}")


def _models(hardware: HardwareReport, model_path: Path | None) -> Iterator[Check]:
    """The model that was named, then the built-in one if the first cannot serve."""
    checks = list(_model(hardware, model_path))
    yield from checks
    if model_path is not None and any(check.state == "failed" for check in checks):
        yield Check(
            part="model",
            state="note",
            text="The server would use the built-in model instead "
            "(unless model.fallbackToBuiltin is off).",
        )
        yield from _model(hardware, None)


def _model(hardware: HardwareReport, model_path: Path | None) -> Iterator[Check]:
    try:
        summary = inspect_model(model_path)
    except ModelError as error:
        yield Check(part="model", state="failed", text=str(error))
        return
    origin = "built in" if summary.is_builtin else str(summary.path)
    yield Check(
        part="model",
        state="ok",
        text=f"{summary.name}: {summary.arch}, {summary.n_params / 1e6:.1f} M parameters, "
        f"{summary.quantization}, {_size(summary.size_bytes)} ({origin})",
    )
    if summary.fim is None:
        yield Check(
            part="model",
            state="note",
            text="It was not trained to fill in the middle: it sees the text before the cursor "
            "only.",
            remedy="choose a code model such as Qwen2.5-Coder for better suggestions",
        )
    needed = estimate_memory(summary, min(_USUAL_N_CTX, summary.n_ctx_train))
    if hardware.available_memory_bytes < needed:
        yield Check(
            part="memory",
            state="note",
            text=f"The model needs about {_size(needed)}, and "
            f"{_size(hardware.available_memory_bytes)} are free.",
            remedy="close other programs, or choose a smaller model or quantization",
        )
    if not summary.is_builtin:
        tried = _tried(EngineConfig(model_path=model_path))
        yield tried
        if tried.state == "failed":
            return
    yield asyncio.run(_used(model_path))


def _tried(config: EngineConfig) -> Check:
    """Load the model in a process of its own, as the server does with a file it does not know,
    but whatever came of it before."""
    started = perf_counter()
    try:
        if not try_again(config):
            return Check(
                part="trial",
                state="note",
                text="No process can be started here to try the model in: if loading it crashes, "
                "so does the server.",
            )
    except ModelError as error:
        return Check(part="trial", state="failed", text=str(error))
    tried_ms = 1000 * (perf_counter() - started)
    return Check(
        part="trial",
        state="ok",
        text=f"loaded and used in a process of its own in {tried_ms:.0f} ms; "
        "the server will not do it again",
    )


async def _used(model_path: Path | None) -> Check:
    """Load the model and complete one line, as the server would."""
    started = perf_counter()
    try:
        async with Engine(EngineConfig(model_path=model_path)) as engine:
            load_ms = 1000 * (perf_counter() - started)
            request = GenerationRequest(prompt=_TRIAL, sampling=SamplingParams(max_tokens=8))
            result = await engine.submit(request).result()
            status = engine.status()
    except InferenceError as error:
        return Check(part="engine", state="failed", text=str(error))
    usage, n_threads = result.usage, status.n_threads
    can_chat = status.model is not None and status.model.supports_chat
    abilities = "completes, chats and rewrites" if can_chat else "completes; for chat name another"
    return Check(
        part="engine",
        state="ok",
        text=f"loaded in {load_ms:.0f} ms; read {usage.n_prompt_tokens} tokens and wrote "
        f"{usage.n_decoded_tokens} in {usage.total_ms:.0f} ms "
        f"({n_threads} {'thread' if n_threads == 1 else 'threads'} in the end); {abilities}",
    )


def _size(n_bytes: int) -> str:
    return f"{n_bytes / _GIB:.1f} GiB" if n_bytes >= _GIB else f"{n_bytes / 2**20:.1f} MiB"


def _folders() -> Iterator[Check]:
    """Those of the user's that cannot be written. Suggestions come without them."""
    kept = (
        (platformdirs.user_cache_path("sotto", appauthor=False), "a model is tried at every start"),
        (platformdirs.user_data_path("sotto", appauthor=False), "conversations are not kept"),
    )
    for folder, consequence in kept:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"\0")
        except OSError as error:
            yield Check(
                part="folder",
                state="note",
                text=f"{folder} cannot be written ({error.strerror}): {consequence}.",
                remedy="make the folder writable",
            )


def _editors() -> Iterator[Check]:
    found = False
    for command, name, at_least in _EDITORS:
        version = _editor_version(command)
        if version is None:
            continue
        found = True
        needed = ".".join(map(str, at_least))
        dotted = ".".join(map(str, version))
        if version >= at_least:
            yield Check(part="editor", state="ok", text=f"{name} {dotted}")
        else:
            yield Check(
                part="editor",
                state="note",
                text=f"{name} {dotted} is too old for Sotto.",
                remedy=f"update to {needed} or newer",
            )
    if not found:
        yield Check(part="editor", state="note", text="no nvim, hx or code on the PATH")


def _editor_version(command: str) -> tuple[int, ...] | None:
    """The version an editor's `--version` begins with; None if it is absent or says none."""
    path = shutil.which(command)
    if path is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a program of the user's own PATH, no shell
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    for word in done.stdout.split():
        numbers = word.lstrip("v").split("-")[0].split(".")
        if len(numbers) >= 2 and all(number.isdigit() for number in numbers[:3]):
            return tuple(int(number) for number in numbers[:3])
    return None
