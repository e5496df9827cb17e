"""Drives llama-server's `/infill` as llama.vim does, with its default settings.

Read in autoload/llama.vim (January 2026) and written anew here:

- Context: 256 lines above the cursor's line as `input_prefix`, the line up to the cursor as
  `prompt`, the rest of the line and 64 lines below as `input_suffix`. On a line of blanks alone
  both parts of the line are sent empty.
- Every change of the text and every cursor move asks at once: no debounce. At most one request is
  in flight and it is never cancelled: while it runs, a retry is set for 100 ms later, which the
  next key pushes back.
- No request if more than 8 characters stand to the right of the cursor.
- `n_predict` 128, samplers top_k 40, top_p 0.90 and `infill`, `cache_prompt`, slot 0,
  `t_max_predict_ms` 250. Once a suggestion is shown, another request goes out for the text as if it
  were accepted, with 1000 ms.
- Answers are kept (250, least recently used first out) under the text around the cursor and under
  the same with up to three first lines missing. Before anything is asked, the cache is searched
  for this very text, then up to 128 characters back for an answer that begins with what was typed
  since.
- An answer is dropped where it repeats the rest of the line or the next lines, or is blank.

Left out: the ring of chunks from other places (neither side gets text from other files here), the
speculative chunks picked after a jump, and the process start of `curl` for each request: a kept
connection is used instead, to the peer's advantage. The `seed` is fixed, so that runs repeat.
llama-server itself runs with what `--fim-qwen-1.5b-default` sets (batch and ubatch 1024, the
model's whole context, `--cache-reuse 256`) and the same threads as Sotto.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from typing import Any, NamedTuple

import msgspec

from bench.buffer import Buffer
from bench.llama_server import LlamaServer, PeerError
from bench.replay import Keystroke
from bench.trace import Event, Move, Open

SERVER_ARGUMENTS = (
    *("--batch-size", "1024", "--ubatch-size", "1024"),
    *("--ctx-size", "0", "--cache-reuse", "256"),
)

N_PREFIX_LINES = 256
N_SUFFIX_LINES = 64
MAX_LINE_SUFFIX = 8
MAX_CACHED = 250
MAX_TYPED_SINCE = 128
RETRY_S = 0.1
N_PREDICT = 128
T_MAX_PREDICT_MS = 250
T_MAX_PREDICT_AHEAD_MS = 1000


class Context(NamedTuple):
    prefix: str
    middle: str
    suffix: str
    indent: int
    line_suffix: str


class Response:
    """An answer of the server and whether any of it was ever shown."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.content: str = fields.get("content", "")
        self.n_evaluated = int(fields.get("timings/prompt_n", 0))
        self.n_reused = int(fields.get("timings/cache_n", 0))
        self.n_decoded = int(fields.get("timings/predicted_n", 0))
        self.shown = False


class PeerCost(msgspec.Struct, frozen=True, kw_only=True):
    """What all requests together cost."""

    n_requests: int
    n_prompt_tokens: int
    n_evaluated_tokens: int
    n_decoded_tokens: int
    n_never_shown_tokens: int
    n_evaluated_each: list[int]


class LlamaVim:
    """The plugin, one buffer and its cache."""

    def __init__(self, server: LlamaServer, *, max_tokens: int = N_PREDICT) -> None:
        self._server = server
        self._max_tokens = max_tokens
        self._cache: OrderedDict[str, tuple[Response, str]] = OrderedDict()
        self._job: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._buffer = Buffer("", "", "")
        self._lines: list[str] = [""]
        self._key: Keystroke | None = None
        self._hint: list[str] | None = None
        self._indent = 0
        self._failure: PeerError | None = None
        self.responses: list[Response] = []

    async def open(self, file: Open) -> None:
        self._buffer = Buffer(file.path, file.language, file.text)
        self._lines = _lines(file.text)
        self._key = self._hint = None

    def press(self, event: Event) -> Keystroke | None:
        self._buffer.apply(event)
        if not isinstance(event, Move):
            self._lines = _lines(self._buffer.text)
        self._key = key = None if isinstance(event, Move) else Keystroke()
        self._hint = None
        self._try_hint()
        self._request(None, [])
        return key

    async def idle(self) -> None:
        while self._job is not None or self._retry is not None:  # noqa: ASYNC110 (two conditions)
            await asyncio.sleep(0.002)
        if self._failure is not None:
            raise self._failure

    def cost(self) -> PeerCost:
        """What all requests so far cost."""
        responses = self.responses
        return PeerCost(
            n_requests=len(responses),
            n_prompt_tokens=sum(r.n_evaluated + r.n_reused for r in responses),
            n_evaluated_tokens=sum(r.n_evaluated for r in responses),
            n_decoded_tokens=sum(r.n_decoded for r in responses),
            n_never_shown_tokens=sum(r.n_decoded for r in responses if not r.shown),
            n_evaluated_each=[r.n_evaluated for r in responses],
        )

    # Asking

    def _cursor(self) -> tuple[int, int]:
        start = self._buffer.text.rfind("\n", 0, self._buffer.cursor) + 1
        return self._buffer.text.count("\n", 0, start), self._buffer.cursor - start

    def _request(self, place: tuple[int, int] | None, previous: list[str]) -> None:
        """Ask for the cursor's place (None), or for `place` as if `previous` were accepted."""
        if self._job is not None:
            if self._retry is not None:
                self._retry.cancel()
            loop = asyncio.get_running_loop()
            self._retry = loop.call_later(RETRY_S, self._retried, place, previous)
            return
        context = self._context(place or self._cursor(), previous)
        if len(context.line_suffix) > MAX_LINE_SUFFIX:
            if self._key is not None and not previous:
                self._key.leave_empty("text-to-the-right", time.perf_counter())
            return
        hashes = _keys(context)
        if any(self._cached(key) is not None for key in hashes):
            return
        self._indent = context.indent
        t_max_predict_ms = T_MAX_PREDICT_AHEAD_MS if previous else T_MAX_PREDICT_MS
        self._job = asyncio.create_task(self._run(context, hashes, t_max_predict_ms))

    def _retried(self, place: tuple[int, int] | None, previous: list[str]) -> None:
        self._retry = None
        self._request(place, previous)

    async def _run(self, context: Context, hashes: list[str], t_max_predict_ms: int) -> None:
        # The look-ahead is for no key of its own.
        key = None if t_max_predict_ms > T_MAX_PREDICT_MS else self._key
        body: dict[str, Any] = {
            "id_slot": 0,
            "input_prefix": context.prefix,
            "input_suffix": context.suffix,
            "input_extra": [],
            "prompt": context.middle,
            "n_predict": self._max_tokens,
            "stop": [],
            "n_indent": context.indent,
            "top_k": 40,
            "top_p": 0.90,
            "samplers": ["top_k", "top_p", "infill"],
            "seed": 1,
            "stream": False,
            "cache_prompt": True,
            "t_max_prompt_ms": 500,
            "t_max_predict_ms": t_max_predict_ms,
            "response_fields": [
                "content",
                "timings/prompt_n",
                "timings/cache_n",
                "timings/predicted_n",
            ],
        }
        try:
            response = Response(await self._server.post("/infill", body))
            self.responses.append(response)
            if key is not None:
                key.n_evaluated = response.n_evaluated
            for text in hashes:
                self._cache[text] = (response, response.content)
                self._cache.move_to_end(text)
                while len(self._cache) > MAX_CACHED:
                    self._cache.popitem(last=False)
            if not self._hint:
                self._try_hint()
        except PeerError as error:
            self._failure = error
        finally:
            self._job = None

    # Showing

    def _try_hint(self) -> None:
        """Show from the cache what fits the text at the cursor, then ask what would follow it."""
        place = self._cursor()
        found = self._find(self._context(place, []))
        if found is None:
            return
        response, content = found
        shown, acceptable = self._fitted(content.split("\n"), place)
        now = time.perf_counter()
        self._hint = shown if acceptable else None
        if acceptable:
            response.shown = True
            if self._key is not None:
                self._key.show(len("\n".join(shown)), now)
        elif self._key is not None:
            self._key.leave_empty("blank-or-repeats", now)
        self._request(place, shown)

    def _find(self, context: Context) -> tuple[Response, str] | None:
        exact = self._cached(_key(context.prefix + context.middle, context.suffix))
        if exact is not None:
            return exact
        best: tuple[Response, str] | None = None
        before = context.prefix + context.middle
        longest = 0
        for n in range(1, min(MAX_TYPED_SINCE, len(before)) + 1):
            cached = self._cached(_key(before[:-n], context.suffix))
            if cached is None or not cached[1].startswith(before[-n:]):
                continue
            rest = cached[1][n:]
            if rest and (best is None or len(rest) > longest):
                longest = 0 if best is None else len(rest)
                best = (cached[0], rest)
        return best

    def _fitted(self, content: list[str], place: tuple[int, int]) -> tuple[list[str], bool]:
        """The lines that are shown, and whether there is anything to accept."""
        row, column = place
        content = content[:]
        while content and not content[-1]:
            content.pop()
        content = content or [""]
        line = self._lines[row]
        if not line.strip():
            lead = min(len(content[0]) - len(content[0].lstrip()), len(line))
            line, content[0] = content[0][:lead], content[0][lead:]
        before, after = line[:column], line[column:]
        below = self._lines[row + 1 :]
        if len(content) > 1 and not content[0] and content[1:] == below[: len(content) - 1]:
            content = [""]
        if len(content) == 1 and content[0] == after:
            content = [""]
        while len(below) > 1 and not below[0].strip():
            below = below[1:]
        if below and before + content[0] == below[0]:
            n = len(content)
            repeats = n == 1
            repeats |= n == 2 and len(below) > 1 and below[1].startswith(content[1])
            repeats |= n > 2 and content[1:] == below[1:n]
            if repeats:
                content = [""]
        content[-1] += after
        return content, bool("".join(content).strip())

    # Context and cache

    def _context(self, place: tuple[int, int], previous: list[str]) -> Context:
        row, column = place
        row = min(row, len(self._lines) - 1)
        line = self._lines[row]
        above = self._lines[max(0, row - N_PREFIX_LINES) : row]
        below = self._lines[row + 1 : row + 1 + N_SUFFIX_LINES]
        if previous:
            accepted = line + previous[0]
            if len(previous) > 1:
                first = max(0, row - N_PREFIX_LINES + len(previous) - 1)
                above = [*self._lines[first:row], accepted, *previous[1:-1]]
                accepted = previous[-1]
            before, after, indent = accepted, "", self._indent
        elif not line.strip():
            before, after, indent = "", "", 0
        else:
            before, after = line[:column], line[column:]
            indent = len(line) - len(line.lstrip())
        prefix = "\n".join(above) + "\n"
        return Context(prefix, before, f"{after}\n" + "\n".join(below) + "\n", indent, after)

    def _cached(self, key: str) -> tuple[Response, str] | None:
        found = self._cache.get(key)
        if found is not None:
            self._cache.move_to_end(key)
        return found


def _keys(context: Context) -> list[str]:
    """The text itself, and the same with up to three of its first lines missing."""
    prefix = context.prefix
    keys = [_key(prefix + context.middle, context.suffix)]
    for _ in range(3):
        prefix = prefix.partition("\n")[2]
        if not prefix:
            break
        keys.append(_key(prefix + context.middle, context.suffix))
    return keys


def _key(before: str, after: str) -> str:
    return f"{before}\0{after}"


def _lines(text: str) -> list[str]:
    return re.split(r"\r?\n", text)
