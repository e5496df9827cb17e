"""The whole way of a change: JSON in, and the server's text equals the client's after every one."""

from __future__ import annotations

import random

import pytest

from tests.support.client import Json, in_process, replacement, sha256
from tests.support.naive_document import NaiveDocument

URI = "file:///project/a.py"
N_EDITS = 2000
PIECES = [
    *"ab \t\n\r\x0b\x0c\x1c\x85\u2028\u2029é☃\ufeff😀\U0010ffff\0",
    "\r\n",
    "\r\n",
    "\n\n",
    "def f(x):\n    return x\n",
    "",
]


def random_text(rng: random.Random, n_pieces: int) -> str:
    return "".join(rng.choices(PIECES, k=n_pieces))


def random_change(rng: random.Random, naive: NaiveDocument) -> Json:
    """Changes the naive document and returns the change that says so."""
    if rng.random() < 0.01:
        text = random_text(rng, rng.randrange(60))
        naive.__init__(text, naive.encoding)
        return {"text": text}
    boundaries = naive.boundaries()
    # Mostly short spans, as typing makes them; sometimes any two places.
    first = rng.randrange(len(boundaries))
    reach = rng.choice([0, 0, 1, 2, 5, len(boundaries)])
    last = min(first + rng.randint(0, reach), len(boundaries) - 1)
    start, end = boundaries[first], boundaries[last]
    if rng.random() < 0.03:
        end = (end[0] + rng.randrange(3), end[1] + rng.randrange(50))  # Beyond the line or text.
        if any(naive.index(*end) == naive.index(*place) for place in boundaries) is False:
            end = start
    inserted = random_text(rng, rng.choice([0, 1, 1, 2, 6]))
    naive.replace(start, end, inserted)
    return replacement(start, end, inserted)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_two_thousand_edits(encoding: str) -> None:
    rng = random.Random(f"sync-{encoding}")
    naive = NaiveDocument(random_text(rng, 40), encoding)
    async with in_process() as served:
        client = served.client
        await client.initialize(encoding=encoding)
        client.open(URI, naive.text, version=0)
        for version in range(1, N_EDITS + 1):
            changes = [random_change(rng, naive) for _ in range(rng.choice([1, 1, 1, 2, 4]))]
            client.change(URI, version, *changes)
            text = naive.text
            info = await client.document_info(URI)
            assert (info["version"], info["n_chars"]) == (version, len(text))
            assert info["sha256"] == sha256(text)
            if len(text) > 600:
                naive = NaiveDocument("short again\r\n", encoding)
                client.change(URI, version, {"text": naive.text})
