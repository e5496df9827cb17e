"""From a key to ghost text on the screen in a real VS Code.

Keys come from Playwright into a real browser; a MutationObserver in the page notes when the ghost
text is there. The server's own time is what it says of its requests. Run `make editors` first, and
measure on a quiet machine. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
from pathlib import Path

from tests.support.vscode import VSCode, browser_page
from tests.support.vscode_process import Profile, Programs, build_extension, sotto_program

OPEN = "    total = compute_total("
LINE = f"{OPEN}first_value, second_value)\n    print(total)\n"
N_PLACES = 20
"""As many as the extension's list of the last requests holds."""
TEXT = f"def one():\n{LINE}\n\ndef two():\n{LINE}\n\n" + "".join(
    f"def next_{number}():\n{OPEN}\n\n\n" for number in range(N_PLACES)
)
PATIENCE_S = 2.0

_WATCH = """() => {
    const ghost = '.ghost-text-decoration, .suggest-preview-text';
    window.sottoSeen = [];
    let pressedAt;
    addEventListener('keydown', (event) => {
        pressedAt = event.key.length === 1 ? performance.now() : undefined;
    }, true);
    new MutationObserver(() => {
        if (pressedAt === undefined || !document.querySelector(ghost)) return;
        window.sottoSeen.push(performance.now() - pressedAt);
        pressedAt = undefined;
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
"""Notes for each typed character how long it took until ghost text was in the page, in ms."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.editor_latency_vscode", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="files of 20 places")
    rounds: int = parser.parse_args(arguments).rounds
    programs = Programs.find()
    with tempfile.TemporaryDirectory() as name, browser_page(programs) as page:
        folder = Path(name)
        (folder / "project").mkdir()
        profile = Profile(programs, folder / "profile")
        user = {"sotto.inlineCompletion.minConfidence": 0}
        profile.write_settings(user, {"sotto.server.path": str(sotto_program())})
        profile.install(build_extension())
        process = profile.start()
        try:
            vscode = VSCode(page, process.address, folder / "project")
            print(json.dumps(measure(vscode, rounds)))
        finally:
            process.stop()
    return 0


def measure(vscode: VSCode, rounds: int) -> dict[str, object]:
    """Type one key at each place of a file: nothing is known there, so the model is asked."""
    in_server: list[float] = []
    for number in range(rounds):
        path = vscode.folder / f"round{number}.py"
        path.write_text(TEXT)
        vscode.open(path)
        vscode.wait_until_ready()
        if number == 0:
            vscode.page.evaluate(_WATCH)
        rows = [row for row, line in enumerate(TEXT.split("\n"), start=1) if line == OPEN]
        for row in rows:
            vscode.go_to(row, len(OPEN) + 1)
            n_seen = _n_seen(vscode)
            vscode.press("f")
            vscode.is_soon(lambda n=n_seen: _n_seen(vscode) > n, PATIENCE_S)
            vscode.press("Escape")
        in_server += _server_times(vscode)
        vscode.close_files()
    on_screen = vscode.page.evaluate("window.sottoSeen")
    return {
        "editor": "vscode",
        "n": len(on_screen),
        "key_to_screen_ms": percentiles(on_screen),
        "server_ms": percentiles(in_server),
    }


def _n_seen(vscode: VSCode) -> int:
    return vscode.page.evaluate("window.sottoSeen.length")


def _server_times(vscode: VSCode) -> list[float]:
    """Of the suggestions that were shown, as the extension lists the last of them."""
    vscode.press("Escape")
    vscode.run("Sotto: Why No Suggestion?")
    shown = re.compile(r"a suggestion was made.*?model, (\d+) ms")
    entries = vscode.wait_for(
        lambda: [found for entry in vscode.entries() if (found := shown.search(entry))], "requests"
    )
    vscode.press("Escape")
    return [float(found[1]) for found in entries]


def percentiles(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    return {"p50": round(cuts[9], 1), "p95": round(cuts[18], 1)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
