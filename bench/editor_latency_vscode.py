"""From a key to ghost text on the screen in a real VS Code.

Keys come from Playwright into a real browser; a MutationObserver in the page notes when the ghost
text is there. The server's own time is what it says of its requests. Run `make editors` first, and
measure on a quiet machine.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from bench.command import add_out, command, run
from bench.editor_latency import EditorLatency, EditorRun, report, result_of, run_of
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


def measure_all(n_rounds: int) -> EditorLatency:
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
            return result_of([measure(vscode, n_rounds)])
        finally:
            process.stop()


def measure(vscode: VSCode, n_rounds: int) -> EditorRun:
    """Type one key at each place of a file: nothing is known there, so the model is asked."""
    in_server: list[float] = []
    for number in range(n_rounds):
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
    return run_of("VS Code in Chromium", on_screen, in_server, n_rounds * N_PLACES)


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


def main() -> int:
    parser = command("editor_latency_vscode", __doc__)
    parser.add_argument("--rounds", type=int, default=3, help="files of 20 places; default: 3")
    add_out(parser)
    options = parser.parse_args()
    result = run("editor-latency-vscode", lambda: measure_all(options.rounds), report, options.out)
    return int(result is None)


if __name__ == "__main__":
    raise SystemExit(main())
