"""The child process of a trial: loads one model file as the engine would, and uses it a little.

    python -I -m inference.trial_child [--gpu-layers N] [--threads N]
                                       [--draft-file FILE | --draft-heads] FILE

Says how it goes in `TrialMessage`s on the stdout it was started with; whatever a library prints
goes to stderr. It ends with its parent: stdin is a pipe that only the parent holds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from inference.backends.base import Backend, Span
from inference.config import EngineConfig
from inference.errors import (
    BackendError,
    InferenceError,
    ModelNotFoundError,
    ModelTooLargeError,
)
from inference.job import Event, Job
from inference.loading import load_checked
from inference.models.draft import find_draft
from inference.models.memory import estimate_memory
from inference.models.summary import inspect_model
from inference.runner import Runner
from inference.trial import TrialMessage
from inference.types import FimPrompt, GenerationRequest, SamplingParams

Say = Callable[[TrialMessage], None]

_N_CTX = 512
_MAX_TOKENS = 4
_N_DRAFTED_AFTER = 12
_SPARE_BYTES = 2 * 2**30
"""Beside what the model should need; stacks of many threads count too."""
_BEFORE = "def add(a, b):\n\treturn 'é☃' + a\n\n\ndef subtract(a, b):\n    retu"
_AFTER = "\n\n\ndef multiply(a, b):\n    return a * b\n"


def main() -> int:
    """Returns the exit status; 0 for anything that could be said."""
    parser = argparse.ArgumentParser(prog="python -I -m inference.trial_child")
    parser.add_argument("--gpu-layers", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--draft-file", type=Path)
    parser.add_argument("--draft-heads", action="store_true")
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    config = EngineConfig(
        model_path=options.file,
        draft_model_path=options.draft_file,
        use_draft_heads=options.draft_heads,
        n_ctx=_N_CTX,
        n_threads=options.threads,
        n_gpu_layers=options.gpu_layers,
    )
    say = _take_stdout()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _be_the_one_to_go()
    # This loads the runtime's libraries: what goes wrong up to here is not the file's fault.
    from inference.backends.llama_cpp_info import runtime_info

    has_gpu = runtime_info().has_gpu
    say(TrialMessage(stage="started"))
    try:
        _use(config, say, is_bounded=not has_gpu)
    except ModelTooLargeError as error:
        say(TrialMessage(stage="too-large", text=str(error)))
    except ModelNotFoundError as error:
        say(TrialMessage(stage="unreadable", text=str(error)))
    except InferenceError as error:
        say(TrialMessage(stage="unusable", text=str(error)))
    except MemoryError:
        say(TrialMessage(stage="unusable", text="it wanted more memory than its size explains"))
    else:
        say(TrialMessage(stage="usable"))
    return 0


def _use(config: EngineConfig, say: Say, *, is_bounded: bool) -> None:
    """Raises whatever loading raises, and `BackendError` if nothing can be computed."""
    summary = inspect_model(config.model_path)
    draft = find_draft(summary, config)
    if is_bounded:
        needs = draft.added_to(summary) if draft else summary
        _bound_memory(2 * estimate_memory(needs, _N_CTX) + _SPARE_BYTES)

    def report(progress: float) -> bool:
        say(TrialMessage(stage="progress", progress=progress))
        return True

    def tell(event: Event) -> None:
        # Not every model has room for this prompt; that is no harm.
        if isinstance(event, BackendError):
            raise event

    model = load_checked(summary, config, report, draft)
    _draft(model.backend)
    runner = Runner(model.backend, model.prompts)
    sampling = SamplingParams(max_tokens=_MAX_TOKENS)
    # The second text has another end: its job cuts the sequence of the first and goes on there.
    for before in (_BEFORE, _BEFORE[:-2]):
        prompt = FimPrompt(prefix=before, suffix=_AFTER)
        runner.submit(Job(GenerationRequest(prompt=prompt, sampling=sampling), tell))
        while runner.step():
            pass
    model.backend.close()


def _draft(backend: Backend) -> None:
    if backend.draft_model is None:
        return
    tokens = backend.vocabulary.tokenize(_BEFORE)[:_N_DRAFTED_AFTER]
    backend.draft_for(0, wanted=True)
    backend.evaluate([Span(0, 0, tokens[:-1])])
    backend.draft_model.draft(0, tokens, _MAX_TOKENS)
    backend.draft_for(0, wanted=False)
    backend.truncate(0, 0)


def _take_stdout() -> Say:
    """Sends what libraries print on stdout to stderr; the messages alone go to the parent."""
    own = os.dup(1)
    os.dup2(2, 1)

    def say(message: TrialMessage) -> None:
        os.write(own, msgspec.json.encode(message) + b"\n")

    return say


def _end_with_parent() -> None:
    """The parent may be killed. It never writes, so stdin is readable only once it has gone.

    Other threads' calls into the runtime hold no GIL, so this runs even while one hangs.
    """
    os.read(0, 1)
    os._exit(1)


def _be_the_one_to_go() -> None:
    """Where memory runs out, this process is to be ended and not the parent or the editor; and
    where it crashes, it leaves no image of its memory behind."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    if sys.platform != "win32":
        import resource

        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _bound_memory(n_bytes: int) -> None:
    """Lets this process have so much more memory of its own, where the system can hold it to that.

    On Linux that is RLIMIT_DATA. It counts memory that is written to and not shared, so not the
    mapped model file, unlike RLIMIT_AS. Elsewhere it does not count what matters.
    """
    if sys.platform == "linux":
        import resource

        limit = psutil.Process().memory_info().data + n_bytes
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


if __name__ == "__main__":
    sys.exit(main())
