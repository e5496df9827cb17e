"""A real Neovim for the tests. Without one they fail, and say how to get it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.nvim import Neovim
from tests.support.nvim_process import Home, find_neovim

StartNeovim = Callable[..., Neovim]


@pytest.fixture(scope="session")
def neovim_program() -> Path:
    return find_neovim()


@pytest.fixture
def start_neovim(neovim_program: Path, tmp_path: Path) -> Iterator[StartNeovim]:
    """Starts a Neovim with options of `Home.make`; it ends with the test."""
    started: list[Neovim] = []

    def start(**options: object) -> Neovim:
        home = Home.make(tmp_path / f"home{len(started)}", **options)  # type: ignore[arg-type]
        started.append(Neovim.start(neovim_program, home))
        return started[-1]

    yield start
    for neovim in started:
        neovim.close()


@pytest.fixture(scope="session")
def _shared_neovim(
    neovim_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Neovim]:
    # Every suggestion is shown, sure or not: what the model says is not what is tested here.
    settings = {"inlineCompletion": {"minConfidence": 0}}
    home = Home.make(tmp_path_factory.mktemp("home"), setup={"settings": settings})
    neovim = Neovim.start(neovim_program, home)
    yield neovim
    neovim.close()


@pytest.fixture
def neovim(_shared_neovim: Neovim) -> Neovim:
    """One Neovim for all tests that leave it as it was, without a buffer, in Normal mode."""
    _shared_neovim.press("<Esc><Esc>")
    _shared_neovim.command("silent! only | silent! %bwipeout! | messages clear")
    return _shared_neovim
