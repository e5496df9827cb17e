"""What real editors say of themselves in `initialize`, as recorded from them.

The editors' own tests compare what they say now with it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("recorded")


def recorded_initialize(editor: str) -> dict[str, Any]:
    """`clientInfo` and `capabilities`."""
    return json.loads((FOLDER / f"{editor}.json").read_text(encoding="utf-8"))
