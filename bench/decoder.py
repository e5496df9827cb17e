"""Decodes in a process of its own, as the engine does, and tells how long each token took.

    python -m bench.decoder adaptive|plain N_THREADS [MODEL]

A child process of `bench.contention`. It reads the seconds to decode for, one number a line, and
answers each with a `Decoded`. `plain` keeps its number of threads whatever happens. Steps are those
of the engine's own `Runner`, made one after the other on the main thread.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec

from inference import EngineConfig, GenerationRequest, SamplingParams, inspect_model
from inference.job import Job
from inference.loading import load_checked
from inference.runner import Runner
from inference.types import TokenPrompt

N_PROMPT = 128
N_DECODED = 128


class Decoded(msgspec.Struct, frozen=True):
    step_ms: list[float]
    """Each token, choosing it included."""
    n_threads: int
    """In the end."""


class Decoder:
    """A loaded model and its runner."""

    def __init__(self, model: Path | None, *, n_threads: int, is_adaptive: bool) -> None:
        config = EngineConfig(
            model_path=model, n_ctx=512, n_threads=n_threads, adapt_threads=is_adaptive
        )
        loaded = load_checked(inspect_model(model), config, lambda _progress: True)
        self._runner = Runner(loaded.backend, loaded.prompts, adapt_threads=is_adaptive)
        n_vocab = len(loaded.backend.vocabulary)
        # Tokens of text: the first ones are single bytes or control tokens.
        tokens = tuple(300 + 7 * i % (n_vocab - 600) for i in range(N_PROMPT))
        self._request = GenerationRequest(
            prompt=TokenPrompt(tokens=tokens), sampling=SamplingParams(max_tokens=N_DECODED)
        )

    def run(self, seconds: float) -> Decoded:
        """Decodes for so long."""
        step_ms: list[float] = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            job = Job(self._request, lambda _event: None)
            self._runner.submit(job)
            while not job.is_over and time.perf_counter() < end:
                is_decode = job.has_begun and not job.in_prefill
                started = time.perf_counter()
                self._runner.step()
                if is_decode:
                    step_ms.append(round(1e3 * (time.perf_counter() - started), 3))
            self._runner.cancel(job)
            self._runner.step()
        return Decoded(step_ms, self._runner.n_threads)


def main() -> int:
    kind, n_threads, *rest = sys.argv[1:]
    model = Path(rest[0]) if rest else None
    decoder = Decoder(model, n_threads=int(n_threads), is_adaptive=kind == "adaptive")
    print('{"ready":true}', flush=True)
    for line in sys.stdin:
        print(msgspec.json.encode(decoder.run(float(line))).decode(), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
