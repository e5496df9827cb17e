"""`python -I -m lsp`: the server; with a command's name first, the command `sotto`."""

from __future__ import annotations

import sys

from lsp.cli import main

if __name__ == "__main__":
    arguments = sys.argv[1:]
    is_server = not arguments or (arguments[0].startswith("--") and arguments[0] != "--version")
    sys.exit(main(["serve", *arguments] if is_server else arguments))
