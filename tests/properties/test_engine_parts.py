"""What holds for the engine's parts whatever they are given."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from inference.backends.base import RowPolicy
from inference.backends.vocabulary import Vocabulary
from inference.detokenizer import Detokenizer
from inference.job import Event, Job
from inference.prefix_cache import PrefixCache
from inference.prompts.seam import find_seam
from inference.runner import Runner
from inference.stopping import StopMatcher
from inference.types import (
    FimPrompt,
    GenerationRequest,
    GenerationResult,
    Priority,
    SamplingParams,
)
from tests.support.fake_backend import FakeBackend, make_prompts, make_vocabulary

SMALL_TEXT = st.text(alphabet="ab\n", max_size=30)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]


@given(st.text(), st.lists(st.integers(0, 1000)), st.text(max_size=5))
def test_decoding_in_pieces_is_decoding_whole(text: str, places: list[int], skipped: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    skip = skipped.encode("utf-8", "replace")
    detokenizer = Detokenizer(skip)
    pieces = cut(skip + text.encode(), places)
    assert "".join(detokenizer.feed(piece) for piece in pieces) == text


@given(st.binary(), st.lists(st.integers(0, 1000)))
def test_any_bytes_decode_the_same_however_they_are_cut(data: bytes, places: list[int]) -> None:
    detokenizer = Detokenizer()
    text = "".join(detokenizer.feed(piece) for piece in cut(data, places))
    whole = data.decode("utf-8", "replace")
    # An unfinished character at the end is the only thing that may be missing.
    assert whole.startswith(text)
    missing = whole[len(text) :]
    assert missing == "\ufffd" * len(missing)
    assert len(missing) <= 3


@given(SMALL_TEXT, st.lists(st.integers(0, 100)), st.lists(st.text("ab\n", max_size=4), max_size=3))
def test_stop_strings_are_found_as_in_the_whole_text(
    text: str, places: list[int], stops: list[str]
) -> None:
    matcher = StopMatcher(stops)
    shown = ""
    for piece in cut(text.encode(), places):
        shown += matcher.feed(piece.decode())
        assert text.startswith(shown)
    shown += matcher.finish()
    complete = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    complete = [(end, start) for end, start in complete if end > start]
    assert matcher.found == bool(complete)
    assert shown == (text[: min(complete)[1]] if complete else text)


PIECES = st.lists(st.binary(max_size=3), min_size=1, max_size=40)


@given(PIECES, st.binary(min_size=1, max_size=4))
def test_constrained_tokens_are_exactly_the_consistent_ones(
    pieces: list[bytes], wanted: bytes
) -> None:
    vocabulary = Vocabulary(pieces, end_ids=frozenset(), tokenize=lambda _: [])
    allowed = vocabulary.consistent_with(wanted).tolist()
    expected = [
        i
        for i, piece in enumerate(pieces)
        if piece and (piece.startswith(wanted) or wanted.startswith(piece))
    ]
    assert sorted(allowed) == expected


@given(st.text(max_size=20), st.lists(st.integers(0, 50)))
def test_the_seam_takes_back_only_what_was_typed(typed: str, places: list[int]) -> None:
    typed = typed.replace("\n", "").encode("utf-8", "replace").decode()
    pieces = cut(("above\n" + typed).encode(), [*places, 6])
    tokens = list(range(len(pieces)))
    seam = find_seam(tokens, typed, pieces.__getitem__)
    kept = b"".join(pieces[: seam.n_kept])
    assert kept + seam.constraint == ("above\n" + typed).encode()
    assert len(seam.constraint) <= len(typed.encode())


TOKENS = st.lists(st.integers(0, 2), max_size=80)


@given(
    st.lists(st.tuples(TOKENS, st.sampled_from("ab"), st.booleans()), max_size=12),
    st.booleans(),
    st.integers(1, 3),
)
def test_a_lease_never_promises_tokens_that_are_not_there(
    requests: list[tuple[list[int], str, bool]], can_truncate: bool, n_slots: int
) -> None:
    cache = PrefixCache(n_slots, can_truncate=can_truncate)
    held: list[list[int]] = [[] for _ in range(n_slots)]
    busy: list[int] = []
    for tokens, hint, stays in requests:
        prompt = [*tokens, 9]
        lease = cache.acquire(prompt, hint)
        if lease is None:
            assert len(busy) == n_slots
            cache.release(busy.pop(0))
            continue
        assert lease.slot not in busy
        if lease.fork_of is not None:
            held[lease.slot] = held[lease.fork_of][:]
        assert held[lease.slot][: lease.n_reused] == prompt[: lease.n_reused]
        assert lease.n_reused < len(prompt)
        if not can_truncate:
            assert lease.n_reused in (0, len(held[lease.slot]))
        cache.record(lease.slot, lease.n_reused, prompt[lease.n_reused :])
        held[lease.slot] = prompt
        if stays:
            busy.append(lease.slot)
        else:
            cache.release(lease.slot)


class Session:
    """A runner that answers one request after the other, or several at once."""

    def __init__(
        self, *, use_prefix_cache: bool, can_truncate: bool = True, n_states: int = 0
    ) -> None:
        backend = FakeBackend(
            n_ctx=400,
            n_sequences=3,
            rows=RowPolicy(maximum=16, minimum=4, multiple=2),
            can_truncate=can_truncate,
            n_states=n_states,
        )
        self.runner = Runner(backend, make_prompts(backend), use_prefix_cache=use_prefix_cache)

    def submit(self, request: GenerationRequest) -> list[Event]:
        events: list[Event] = []
        self.runner.submit(Job(request, events.append))
        return events

    def run(self) -> None:
        while self.runner.step():
            pass


EDITS = st.lists(
    st.tuples(
        st.text(alphabet="ab \n(", max_size=12),
        st.integers(0, 40),
        st.sampled_from(Priority),
        st.integers(0, 3),
    ),
    max_size=10,
)


@given(EDITS, st.booleans(), st.sampled_from([0, 2, 5, 50]))
def test_the_text_does_not_depend_on_cache_preemption_or_company(
    edits: list[tuple[str, int, Priority, int]], can_truncate: bool, n_states: int
) -> None:
    crowded = Session(use_prefix_cache=True, can_truncate=can_truncate, n_states=n_states)
    text = ""
    told: list[tuple[GenerationRequest, list[Event]]] = []
    for typed, n_deleted, priority, n_steps in edits:
        text = text[: max(len(text) - n_deleted, 0)] + typed
        request = GenerationRequest(
            prompt=FimPrompt(prefix=text, suffix=text[:20]),
            sampling=SamplingParams(max_tokens=6),
            priority=priority,
            sequence_hint="document",
        )
        told.append((request, crowded.submit(request)))
        for _ in range(n_steps):
            crowded.runner.step()
    crowded.run()
    for request, events in told:
        alone = Session(use_prefix_cache=False)
        expected = alone.submit(request)
        alone.run()
        result, wanted = events[-1], expected[-1]
        assert isinstance(result, GenerationResult)
        assert isinstance(wanted, GenerationResult)
        assert (result.text, result.token_ids) == (wanted.text, wanted.token_ids)
        assert result.usage.n_prompt_tokens == (
            result.usage.n_reused_tokens + result.usage.n_evaluated_tokens
        )
        assert all(math.isfinite(logprob) for logprob in result.logprobs)


def test_the_toy_vocabulary_covers_all_bytes() -> None:
    assert make_vocabulary().covers_all_bytes
