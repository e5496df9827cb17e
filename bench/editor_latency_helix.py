"""From a key to the suggestion on Helix's screen, and Sotto's part of it.

    .venv/bin/python -m bench.editor_latency_helix --n 30

A real Helix with the configuration of `editors/helix`, in tmux, on the built-in model. Each sample
types the last character of a place at which something is suggested; the screen is read every two
milliseconds or so. What is not the server's is Helix's: its `completion-timeout` and its drawing.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.command import add_out, command, run
from bench.editor_latency import EditorLatency, Sample, report, result_of, run_of
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


def measure_all(n_wanted: int) -> EditorLatency:
    with tempfile.TemporaryDirectory(prefix="sotto-helix-") as name:
        profile = Profile.make(Path(name), settings={"inlineCompletion.minConfidence": 0})
        first = profile.project / "first.py"
        first.write_text("# first\n")
        helix = Helix(find_program("hx"), profile, first)
        try:
            helix.wait_until_ready()
            samples, n_keys = measure(helix, n_wanted)
        finally:
            helix.close()
    on_screen, server = zip(*samples, strict=True) if samples else ((), ())
    return result_of([run_of("Helix", on_screen, server, n_keys)])


def measure(helix: Helix, n_wanted: int) -> tuple[list[Sample], int]:
    """The samples, and how many keys they took."""
    samples: list[Sample] = []
    n_keys = 0
    while len(samples) < n_wanted and n_keys < 4 * n_wanted:
        sample = one(helix, n_keys, PLACES[n_keys % len(PLACES)])
        n_keys += 1
        if sample is not None:
            samples.append(sample)
    return samples, n_keys


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


def main() -> int:
    parser = command("editor_latency_helix", __doc__)
    parser.add_argument("--n", type=int, default=30, help="samples; default: 30")
    add_out(parser)
    options = parser.parse_args()
    result = run("editor-latency-helix", lambda: measure_all(options.n), report, options.out)
    return int(result is None)


if __name__ == "__main__":
    raise SystemExit(main())
