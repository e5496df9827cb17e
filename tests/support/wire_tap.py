"""Starts a language server and writes down what goes both ways: `python -m tests.support.wire_tap
LOG COMMAND...`.

LOG gets a JSON object a line: `at_s` (of the machine's monotonic clock), `from` (`editor` or
`server`) and `message`. The bytes themselves pass through unchanged. For editors that cannot be
asked what they were told. While there is a file LOG.hold, what the server says is written down and
goes no further.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from lsp.frames import FrameParser, Message

_STDIN, _STDOUT = 0, 1
_MAX_BYTES = 1 << 16
_HOLD_S = 0.01


def main(log: Path, command: list[str]) -> int:
    with (
        log.open("a", encoding="utf-8") as file,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        # A daemon: it may wait for an editor that has nothing more to say.
        threading.Thread(
            target=_copy, args=(_STDIN, server.stdin.fileno(), file, "editor"), daemon=True
        ).start()
        _copy(server.stdout.fileno(), _STDOUT, file, "server", log.with_name(f"{log.name}.hold"))
        status = server.wait()
        file.flush()
        os._exit(status)  # not the usual way: it would wait for stdin


def _copy(source: int, sink: int, file: IO[str], sender: str, hold: Path | None = None) -> None:
    parser = FrameParser()
    held = b""
    while True:
        if held and not select.select([source], [], [], _HOLD_S)[0]:
            data = b""
        elif not (data := os.read(source, _MAX_BYTES)):
            break
        at_s = time.monotonic()
        # Written down first, so that what the editor shows can be looked up.
        for item in parser.feed(data):
            if isinstance(item, Message):
                line = {"at_s": at_s, "from": sender, "message": item.content}
                file.write(json.dumps(line) + "\n")
        file.flush()
        held += data
        if hold is not None and hold.exists():
            continue
        try:
            while held:
                held = held[os.write(sink, held) :]
        except OSError:  # whoever should read it is gone
            return
    os.close(sink)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
