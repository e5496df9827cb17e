"""`sotto pipe`: what comes out, on a scripted model."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from lsp import pipe as module
from lsp.pipe import PipeOptions, pipe
from tests.support.scripted_pipe import PipeEngine

OLD = "    total = 0\n    for item in items:\n        total += item\n    return total\n"
NEW = "return sum(items)"


class Run:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        monkeypatch.setattr(module, "Engine", PipeEngine)
        monkeypatch.setattr(PipeEngine, "said", f"```python\n{NEW}\n```")

    def __call__(self, data: bytes, instruction: str = "use sum") -> int:
        self._patch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        return pipe(PipeOptions(instruction, file="a.py"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch)


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["\n", ""])
def test_indentation_and_line_ends_stay(
    run: Run, capfdbinary: pytest.CaptureFixture[bytes], eol: str, end: str
) -> None:
    old = OLD.removesuffix("\n") + end
    assert run(old.replace("\n", eol).encode()) == 0
    assert capfdbinary.readouterr().out == (f"    {NEW}{end}").replace("\n", eol).encode()


@pytest.mark.parametrize(
    ("data", "instruction", "said"),
    [
        (b" \n", "use sum", "no text"),
        (b"\xff\xfe", "use sum", "not UTF-8"),
        (b"x = 1\n" * 200_000, "use sum", "more than 1 MiB"),
        (OLD.encode(), " ", "Say what"),
    ],
)
def test_what_cannot_be_done_comes_out_as_it_went_in(
    run: Run,
    capfdbinary: pytest.CaptureFixture[bytes],
    data: bytes,
    instruction: str,
    said: str,
) -> None:
    assert run(data, instruction) == 1
    captured = capfdbinary.readouterr()
    assert captured.out == data
    assert said in captured.err.decode()


def test_an_answer_with_faults_changes_nothing(
    run: Run, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PipeEngine, "said", "```python\nreturn sum(\n```")
    assert run(OLD.encode()) == 1
    captured = capfdbinary.readouterr()
    assert captured.out == OLD.encode()
    assert "twice over" in captured.err.decode()


def test_a_model_that_cannot_follow_instructions(
    run: Run, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PipeEngine, "can_chat", False)
    assert run(OLD.encode()) == 1
    captured = capfdbinary.readouterr()
    assert captured.out == OLD.encode()
    assert b"model" in captured.err


def test_without_a_standard_input_there_is_nothing_to_rewrite(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert pipe(PipeOptions("use sum")) == 1
    assert "There is no text to rewrite" in capfd.readouterr().err
