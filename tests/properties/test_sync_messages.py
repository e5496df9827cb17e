"""Any JSON at all: requests are answered once, nothing else is answered, and the server lives."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lsp.routes import NOTIFICATIONS, OUR_REQUESTS, REQUESTS
from tests.support.client import Json, in_process

# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false
# Strategies of nested dictionaries are beyond what types can say.

URIS = st.sampled_from(["file:///a.py", "file:///b.py", "untitled:1", "", "::", "file://%zz/\0"])
numbers = st.integers(-1, 5) | st.sampled_from([2**31 - 1, 2**31, 2**64, 1.5, -1, True])
positions = st.fixed_dictionaries({"line": numbers, "character": numbers})
ranges = st.fixed_dictionaries({"start": positions, "end": positions})
texts = st.text(alphabet="ab\r\n😀\u2028\ud83d\ude00\0", max_size=10)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
changes = st.lists(
    st.fixed_dictionaries({"text": texts}, optional={"range": ranges}) | anything, max_size=4
)
params = (
    st.fixed_dictionaries(
        {
            "textDocument": st.fixed_dictionaries(
                {"uri": URIS},
                optional={"version": numbers, "languageId": st.just("python"), "text": texts},
            )
        },
        optional={
            "position": positions,
            "context": st.fixed_dictionaries(
                {"triggerKind": st.sampled_from([1, 2, 3])},
                optional={
                    "selectedCompletionInfo": st.fixed_dictionaries(
                        {"range": ranges, "text": texts}
                    )
                },
            ),
            "contentChanges": changes,
            "label": texts,
            "settings": anything,
        },
    )
    | st.fixed_dictionaries({"settings": st.fixed_dictionaries({"sotto": anything})})
    | st.fixed_dictionaries({"label": texts}, optional={"data": anything, "textEdit": anything})
    | anything
)
ENDS = {"exit", "shutdown"}
methods = st.sampled_from(
    [
        *sorted(set(NOTIFICATIONS) - ENDS),
        *REQUESTS,
        *OUR_REQUESTS,
        "initialize",
        "no/such",
        "$/setTrace",
    ]
)
messages = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "method": methods}, optional={"params": params}
)


async def converse(sequence: list[tuple[Json, bool]]) -> None:
    async with in_process() as served:
        client = served.client
        await client.initialize()
        await client.wait_ready()
        asked: list[str] = []
        for number, (message, is_request) in enumerate(sequence):
            if is_request:
                asked.append(f"fuzz-{number}")
                client.send(message | {"id": asked[-1]})
            else:
                client.send(message)
        await client.until(lambda: all(request_id in client.responses for request_id in asked))
        await client.request("sotto/status")
        counts = Counter(len(answers) for answers in client.responses.values())
        assert set(counts) == {1}
        assert None not in client.responses
        client.open("file:///c.py", "value = \n")
        result: Any = await client.inline("file:///c.py", 0, 8)
        assert result in (["pass"], [])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(messages, st.booleans()), max_size=12))
def test_any_messages(sequence: list[tuple[Json, bool]]) -> None:
    asyncio.run(converse(sequence))
