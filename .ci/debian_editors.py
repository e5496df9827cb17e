"""The editors that `editors.py` takes from Debian's packages, and a terminal for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Editor:
    name: str
    variable: str
    package: str
    at_least: tuple[int, int]
    banner: str
    """What `--version` says, as a pattern with the version's first two numbers."""
    binary: str
    proof: tuple[str, ...]
    """Arguments of a run that fails if the editor lacks what Sotto needs."""
    runtime: tuple[tuple[str, str], ...] = ()
    """Variables that say where its runtime files are, and their places in the root as patterns."""
    dump: str | None = None
    """The place of the memory image that Emacs starts from, as a pattern."""
    asks_version: str = "--version"
    n_mb: int = 20
    """About what is downloaded."""

    @property
    def program(self) -> str:
        """What it is called. Debian adds how Emacs was built: "no X"."""
        return Path(self.binary).name.removesuffix("-nox")


EDITORS = {
    "nvim": Editor(
        name="Neovim",
        variable="SOTTO_NVIM",
        package="neovim",
        at_least=(0, 12),
        banner=r"NVIM v(\d+)\.(\d+)",
        binary="usr/bin/nvim",
        proof=("--headless", "--clean", "+lua assert(vim.lsp.inline_completion.enable)", "+q"),
        runtime=(("VIMRUNTIME", "usr/share/nvim/runtime"),),
    ),
    "hx": Editor(
        name="Helix",
        variable="SOTTO_HELIX",
        package="hx",
        at_least=(25, 7),
        banner=r"helix (\d+)\.(\d+)",
        binary="usr/lib/hx/hx",
        proof=("--health", "python"),
        runtime=(("HELIX_RUNTIME", "usr/lib/hx/runtime"),),
    ),
    "emacs": Editor(
        name="Emacs",
        variable="SOTTO_EMACS",
        package="emacs-nox",
        at_least=(29, 1),
        banner=r"GNU Emacs (\d+)\.(\d+)",
        binary="usr/bin/emacs-nox",
        proof=("-Q", "--batch", "--eval", "(require 'eglot)"),
        runtime=(
            ("EMACSLOADPATH", "usr/share/emacs/*/lisp"),
            ("EMACSDATA", "usr/share/emacs/*/etc"),
            ("EMACSDOC", "usr/share/emacs/*/etc"),
            ("EMACSPATH", "usr/libexec/emacs/*/*-linux-gnu*"),
        ),
        dump="usr/libexec/emacs/*/*/emacs-*.pdmp",
        n_mb=90,
    ),
    "tmux": Editor(
        name="tmux",
        variable="SOTTO_TMUX",
        package="tmux",
        at_least=(3, 2),
        banner=r"tmux (\d+)\.(\d+)",
        binary="usr/bin/tmux",
        proof=("-V",),
        asks_version="-V",
    ),
}
