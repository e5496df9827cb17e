"""A file that was not seen before is loaded in a child process, and what becomes of that."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pytest

from inference import (
    Engine,
    EngineConfig,
    EngineState,
    EngineStatus,
    FimPrompt,
    GenerationRequest,
    InvalidModelError,
    ModelNotFoundError,
    ModelTooLargeError,
    inspect_model,
    trial,
)
from inference.backends.base import LoadCancelledError
from inference.trial import TrialUnavailableError, ensure_tried, try_model
from inference.verdicts import Verdicts
from tests.support.crashing_model import crashing_model
from tests.support.gguf_files import Gguf, tiny_model
from tests.support.server_process import server_process
from tests.support.tiny_hybrid import tiny_hybrid

pytestmark = pytest.mark.e2e
CONFIG = EngineConfig(n_threads=1)
STARTED = 'print(\'{"stage": "started"}\', flush=True)\n'
HANG = STARTED + "import time; time.sleep(600)"
SOTTO = Path(sys.executable).with_name("sotto")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny_model(seed=1).to_bytes())
    return path


@pytest.fixture
def verdicts(tmp_path: Path) -> Verdicts:
    return Verdicts(tmp_path / "verdicts.json")


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a Python program in the place of the child."""

    def put(code: str) -> None:
        monkeypatch.setattr(trial, "CHILD", (sys.executable, "-I", "-c", code))

    return put


def tried(path: Path, verdicts: Verdicts, report: Callable[[float], bool] | None = None) -> bool:
    return ensure_tried(inspect_model(path), CONFIG, report or (lambda _progress: True), verdicts)


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


@pytest.mark.parametrize(
    "gguf", [tiny_model("qwen2", seed=1), tiny_hybrid()], ids=["qwen2", "hybrid"]
)
def test_a_good_model_is_tried_once(gguf: Gguf, path: Path, verdicts: Verdicts) -> None:
    path.write_bytes(gguf.to_bytes())
    seen: list[float] = []

    def report(progress: float) -> bool:
        seen.append(progress)
        return True

    assert tried(path, verdicts, report)
    assert seen == sorted(seen)
    assert not tried(path, verdicts)


def test_a_model_that_ends_the_runtime_is_refused_and_stays_refused(
    path: Path, verdicts: Verdicts, child: Callable[[str], None]
) -> None:
    path.write_bytes(crashing_model().to_bytes())
    for _ in range(2):
        with pytest.raises(InvalidModelError) as raised:
            tried(path, verdicts)
        message = str(raised.value)
        assert "SIGABRT ('arcee.cpp:" in message
        assert f"sotto doctor --model {path}" in message
        # The second time nothing is run at all.
        child("raise SystemExit('must not run')")


def test_a_refused_model_can_be_tried_again(
    path: Path, verdicts: Verdicts, child: Callable[[str], None]
) -> None:
    child(STARTED + "import os; os.abort()")
    with pytest.raises(InvalidModelError):
        tried(path, verdicts)
    child(STARTED + 'print(\'{"stage": "usable"}\')')
    with pytest.raises(InvalidModelError):
        tried(path, verdicts)
    try_model(inspect_model(path), CONFIG, verdicts=verdicts)
    assert not tried(path, verdicts)


def test_another_version_of_the_runtime_tries_again(
    path: Path, verdicts: Verdicts, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inference.backends import llama_cpp_info

    assert tried(path, verdicts)
    newer = msgspec.structs.replace(llama_cpp_info.runtime_info(), version="0.4")
    monkeypatch.setattr(llama_cpp_info, "runtime_info", lambda: newer)
    assert tried(path, verdicts)


def test_a_model_that_never_comes_to_an_end_is_refused(
    path: Path, verdicts: Verdicts, child: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    child(HANG)
    monkeypatch.setattr(trial, "PATIENCE_S", 0.3)
    with pytest.raises(InvalidModelError, match="no end in 0 s"):
        tried(path, verdicts)
    assert children() == []


def test_a_model_that_computes_no_numbers_is_refused(path: Path, verdicts: Verdicts) -> None:
    gguf = tiny_model(seed=1)
    content = bytearray(gguf.to_bytes())
    n_bytes = gguf.tensors[0].n_bytes
    start = len(content) - len(gguf.data())
    content[start : start + n_bytes] = b"\xff" * n_bytes
    path.write_bytes(content)
    with pytest.raises(InvalidModelError, match="it failed"):
        tried(path, verdicts)


def test_where_the_system_ends_the_child_memory_is_short_and_nothing_is_remembered(
    path: Path, verdicts: Verdicts, child: Callable[[str], None]
) -> None:
    child(STARTED + "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(ModelTooLargeError, match="memory"):
        tried(path, verdicts)
    child(STARTED + 'print(\'{"stage": "usable"}\')')
    assert tried(path, verdicts)


def test_what_the_child_says_of_memory_is_not_remembered(
    path: Path, verdicts: Verdicts, child: Callable[[str], None]
) -> None:
    child(STARTED + 'print(\'{"stage": "too-large", "text": "Close something."}\')')
    with pytest.raises(ModelTooLargeError, match="Close something"):
        tried(path, verdicts)
    child(STARTED + 'print(\'{"stage": "usable"}\')')
    assert tried(path, verdicts)


def test_a_file_that_is_away_for_a_moment_is_not_refused_for_good(
    path: Path, verdicts: Verdicts, child: Callable[[str], None]
) -> None:
    """As on a drive that is not always there."""
    away = path.with_name("away")
    child(
        "import sys, pathlib\nfrom inference import trial_child\n"
        f"path = pathlib.Path(sys.argv[-1]).rename({str(away)!r})\n"
        "status = trial_child.main()\npath.rename(sys.argv[-1])\nraise SystemExit(status)"
    )
    with pytest.raises(ModelNotFoundError, match="cannot be read"):
        tried(path, verdicts)
    child(STARTED + 'print(\'{"stage": "usable"}\')')
    assert tried(path, verdicts), "it was remembered"


@pytest.mark.parametrize("stage", ["usable", "unusable"])
def test_what_comes_of_a_file_that_is_written_meanwhile_is_of_none(
    path: Path, verdicts: Verdicts, child: Callable[[str], None], stage: str
) -> None:
    content = path.read_bytes()
    child(
        STARTED + "import sys; open(sys.argv[-1], 'r+b').truncate(1000)\n"
        f'print(\'{{"stage": "{stage}"}}\')'
    )
    with pytest.raises(InvalidModelError, match="it was changed while"):
        tried(path, verdicts)
    path.write_bytes(content)
    child(STARTED + 'print(\'{"stage": "usable"}\')')
    assert tried(path, verdicts), "it was remembered"


@pytest.mark.parametrize("code", ["raise SystemExit(1)", "nonsense(", "print('{}')"])
def test_where_no_child_can_run_models_can_still_be_used(
    path: Path, verdicts: Verdicts, child: Callable[[str], None], code: str
) -> None:
    child(code)
    assert tried(path, verdicts)
    with pytest.raises(TrialUnavailableError):
        try_model(inspect_model(path), CONFIG, verdicts=verdicts)
    assert tried(path, verdicts), "it was not remembered"


def test_a_child_that_does_not_exist(
    path: Path, verdicts: Verdicts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "CHILD", (str(path.with_name("absent")),))
    assert tried(path, verdicts)


def test_a_child_that_writes_without_end_costs_no_memory(
    path: Path, verdicts: Verdicts, child: Callable[[str], None]
) -> None:
    child(
        "import sys\n"
        "for _ in range(50): sys.stderr.write('x' * 1_000_000); sys.stdout.write('y' * 1_000_000)\n"
        + STARTED.replace("print('", "print('\\n")
        + "raise SystemExit('the end of /far/away/file.cpp: \\x1b[2J')"
    )
    before = psutil.Process().memory_info().rss
    with pytest.raises(InvalidModelError) as raised:
        tried(path, verdicts)
    assert psutil.Process().memory_info().rss - before < 30_000_000
    assert r"status 1 ('file.cpp: \x1b[2J')" in str(raised.value)


def test_giving_up_ends_the_child(
    path: Path, verdicts: Verdicts, child: Callable[[str], None]
) -> None:
    child(HANG)
    with pytest.raises(LoadCancelledError):
        tried(path, verdicts, lambda _progress: not children())
    assert children() == []
    child(STARTED + 'print(\'{"stage": "usable"}\')')
    assert tried(path, verdicts), "it was not remembered"


async def test_closing_an_engine_ends_the_trial_at_once(
    path: Path, child: Callable[[str], None]
) -> None:
    child(HANG)
    engine = Engine(EngineConfig(model_path=path))
    engine.start()
    while not children():  # noqa: ASYNC110 - another process's work
        await asyncio.sleep(0.01)
    async with asyncio.timeout(10):
        await engine.close()
    assert children() == []


async def test_an_engine_shows_progress_over_trial_and_loading(tmp_path: Path) -> None:
    path = tmp_path / "new.gguf"
    path.write_bytes(replace(tiny_model(seed=77), seed=77).to_bytes())
    seen: list[EngineStatus] = []
    engine = Engine(EngineConfig(model_path=path))
    engine.start(seen.append)
    await engine.wait_ready()
    request = GenerationRequest(prompt=FimPrompt(prefix="def ", suffix=""))
    await engine.submit(request).result()
    await engine.close()
    progress = [s.load_progress for s in seen if s.load_progress is not None]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert [s.state for s in seen][-2:] == [EngineState.READY, EngineState.CLOSED]


def test_the_child_ends_with_its_parent(path: Path) -> None:
    """Even if the parent is killed, and while the child is busy."""
    busy = (
        "import threading, time\n"
        "from inference import trial_child\n"
        "threading.Thread(target=trial_child._end_with_parent, daemon=True).start()\n"
        f"{STARTED}time.sleep(600)"
    )
    parent_code = (
        "import sys\nfrom inference import EngineConfig, inspect_model, trial\n"
        "from pathlib import Path\n"
        f"trial.CHILD = (sys.executable, '-I', '-c', {busy!r})\n"
        f"trial.try_model(inspect_model(Path({str(path)!r})), EngineConfig())\n"
    )
    parent = subprocess.Popen([sys.executable, "-I", "-c", parent_code])
    process = psutil.Process(parent.pid)
    deadline = time.monotonic() + 60
    while not (found := process.children()) and time.monotonic() < deadline:
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(found, timeout=30)
    assert found
    assert alive == []


async def test_the_server_survives_and_answers_with_the_builtin_model(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(crashing_model().to_bytes())
    # A workspace that would like to be run.
    (tmp_path / "inference.py").write_text(f"open({str(tmp_path / 'touched')!r}, 'w')\n")
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    for _ in ("tried", "remembered"):
        async with server_process(cwd=tmp_path, env=env) as server:
            client = server.client
            await client.initialize(options={"model": {"path": str(path)}})
            await client.wait_ready()
            uri = "file:///project/a.py"
            client.open(uri, "def read_lines(path):\n    return \n")
            assert await client.inline(uri, 1, 11, is_invoked=True)
            status = await client.request("sotto/status")
            assert status["model"]["is_builtin"]
            assert "SIGABRT" in status["message"]
            (shown,) = client.received("window/showMessage")
            assert "The built-in model is used instead." in shown["message"]
            assert psutil.Process(server.process.pid).children() == []
            assert client.noise == []
            await client.shut_down()
            assert await server.wait() == 0
    assert not (tmp_path / "touched").exists()
    (remembered,) = json.loads((tmp_path / "cache/sotto/tried-models.json").read_text())["entries"]
    assert "SIGABRT" in remembered["verdict"]["failure"]


def test_doctor_says_the_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "m.gguf"

    def doctor() -> tuple[int, dict[str, str]]:
        done = subprocess.run(
            [SOTTO, "doctor", "--json", "--model", path],
            capture_output=True,
            text=True,
            timeout=90,
        )
        checks = json.loads(done.stdout)["checks"]
        return done.returncode, {check["part"]: check["state"] for check in checks[::-1]}

    path.write_bytes(crashing_model().to_bytes())
    status, states = doctor()
    assert (status, states["trial"], states["engine"]) == (1, "failed", "ok")  # the built-in's
    path.write_bytes(tiny_model(seed=1).to_bytes())
    status, states = doctor()
    assert (status, states["trial"], states["engine"]) == (0, "ok", "ok")


def test_memory_of_the_child_is_bounded() -> None:
    code = (
        "from inference import trial_child\n"
        "trial_child._bound_memory(100_000_000)\n"
        "bytearray(50_000_000)\n"
        "try: bytearray(400_000_000)\n"
        "except MemoryError: print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert done.stdout == "refused\n", done.stderr
