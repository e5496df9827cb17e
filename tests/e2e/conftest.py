"""The real runtime, and nothing left in the user's cache folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inference import verdicts


@pytest.fixture(autouse=True, scope="session")
def _verdicts_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] - pytest's
    """Models that tests make are not remembered where the user's are."""
    file = tmp_path_factory.mktemp("cache") / "tried-models.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdicts, "default_file", lambda: file)
        yield
