"""From a key to the suggestion on Helix's screen, and Sotto's part of it.

    .venv/bin/python -m bench.editor_latency_helix --n 30

A real Helix with the configuration of `editors/helix`, in tmux, on the built-in model. Each sample
types the last character of a place at which something is suggested; the screen is read every two
milliseconds or so. What is not the server's is Helix's: its `completion-timeout` and its drawing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.support.helix import TIMEOUT_S, Exchange, Helix, shown_label
from tests.support.helix_profile import Profile
from tests.support.places import Place
from tests.support.tmux import find_program

PLACES = (
    Place("py", "import logging\n\n\nif __name__‸\n"),
    Place("py", "def add(a, b):\n    retu‸\n"),
    Place("py", "for i in ra‸\n"),
    Place("py", "import sys\nimport o‸\n"),
)
Sample = tuple[float, float]
"""Milliseconds from the key to the screen, and the server's of them."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Key to suggestion on screen, in Helix.")
    parser.add_argument("--n", type=int, default=30, help="samples; default: 30")
    n_wanted = parser.parse_args().n
    with tempfile.TemporaryDirectory(prefix="sotto-helix-") as name:
        profile = Profile.make(Path(name), settings={"inlineCompletion.minConfidence": 0})
        first = profile.project / "first.py"
        first.write_text("# first\n")
        helix = Helix(find_program("hx"), profile, first)
        try:
            helix.wait_until_ready()
            samples = measure(helix, n_wanted)
        finally:
            helix.close()
    report = {
        "editor": "helix",
        "n": len(samples),
        "key_to_screen_ms": percentiles([screen for screen, _ in samples]),
        "server_ms": percentiles([server for _, server in samples]),
    }
    sys.stderr.write(json.dumps(report) + "\n")
    return 0


def measure(helix: Helix, n_wanted: int) -> list[Sample]:
    samples: list[Sample] = []
    for i in range(4 * n_wanted):
        sample = one(helix, i, PLACES[i % len(PLACES)])
        if sample is not None:
            samples.append(sample)
        if len(samples) == n_wanted:
            break
    return samples


def one(helix: Helix, number: int, place: Place) -> Sample | None:
    """None where nothing was suggested."""
    path = helix.profile.project / f"place{number}.{place.extension}"
    # Entered elsewhere and gone to by keys: entering Insert mode behind a word asks already.
    helix.go_to(path, Place(place.extension, f"‸{place.before[:-1]}{place.after}"))
    helix.press(*["Down"] * place.before.count("\n"), "End")
    time.sleep(0.2)  # until whatever that asks for is over
    n_before = len(helix.completions(path))
    typed_at = time.monotonic()
    helix.type(place.before[-1])
    while time.monotonic() < typed_at + TIMEOUT_S:
        answered = helix.completions(path)[n_before:]
        if answered and not answered[-1].result["items"]:
            helix.leave_insert_mode()
            helix.command("write!")
            return None
        if answered and shown_label(answered[-1].result["items"][0]) in helix.screen():
            sample = (1000 * (time.monotonic() - typed_at), server_ms(answered[-1]))
            helix.leave_insert_mode()
            helix.command("write!")
            return sample
    raise AssertionError(f"no answer at {place.marked!r}")


def server_ms(exchange: Exchange) -> float:
    return 1000 * (exchange.answered_s - exchange.sent_s)


def percentiles(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    return {"p50": round(statistics.median(values), 1), "p95": round(cuts[18], 1)}


if __name__ == "__main__":
    sys.exit(main())
