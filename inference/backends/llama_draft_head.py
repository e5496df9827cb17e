"""Heads that draft from a model's hidden state: MTP and EAGLE-3.

Both take a token together with the target's hidden state at the token before it, and say what comes
after the token. For the tokens behind it, which the target has not seen, a head's own hidden state
takes the place of the target's. What is kept of these goes with the draft: once the target has
evaluated a token, its own hidden state counts.

The pair of token j and hidden state j - 1 lies in cell j - 1 of the head's context. The first token
has none before it, and is in no pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from inference.backends.llama_bindings import Batch, api
from inference.backends.llama_draft_context import DraftContext, Target
from inference.backends.llama_extensions import (
    Rows,
    hidden_row,
    hidden_rows,
    layer_input,
    output_hidden_rows,
    output_layer_input,
)
from inference.errors import BackendError
from inference.models.draft import DraftKind


class HiddenStates(Protocol):
    """Where a head's input comes from."""

    @property
    def width(self) -> int: ...

    def read(self, first_row: int, n_rows: int) -> Rows:
        """Of rows of the target's last call; shape (n_rows, width)."""
        ...


@dataclass(slots=True)
class _Followed:
    """What a head was shown of one sequence."""

    states: Rows
    """Of shape (n_ctx, width), by position. Pages that are never written take no memory."""
    start: int = 0
    """The first position that was shown."""
    tokens: list[int] = field(default_factory=list[int])
    """From `start` on."""
    n_paired: int = 1
    """Pairs of the tokens before this one, from `start + 1` on, are in the head's context."""

    @property
    def end(self) -> int:
        return self.start + len(self.tokens)


class LlamaDraftHead:
    """See `inference.backends.draft_model.DraftModel` for the methods."""

    def __init__(
        self,
        name: DraftKind,
        context: DraftContext,
        states: HiddenStates,
        target: Target,
        *,
        n_max: int,
        model: Any = None,
    ) -> None:
        """
        Args:
            context: taken over.
            model: the head's, if it is not the target's own; taken over.
        """
        self.name: DraftKind = name
        self.n_max = n_max
        self._context = context
        self._states = states
        self._model = model
        self._end_ids = target.end_ids
        self._followed: dict[int, _Followed] = {}

    def follow(self, sequence: int, position: int, tokens: Sequence[int], first_row: int) -> None:
        followed = self._followed.get(sequence)
        if followed is None:
            shape = (self._context.n_ctx, self._states.width)
            followed = self._followed[sequence] = _Followed(np.empty(shape, np.float32))
        if position != followed.end:
            # Something came in between that was not shown: a head does without what was before.
            self._forget(sequence, followed, position)
        followed.tokens.extend(tokens)
        end = position + len(tokens)
        followed.states[position:end] = self._states.read(first_row, len(tokens))

    def truncate(self, sequence: int, n_tokens: int) -> None:
        followed = self._followed.get(sequence)
        if followed is None or n_tokens >= followed.end:
            return
        if n_tokens <= followed.start:
            self._forget(sequence, followed, 0)
            return
        del followed.tokens[n_tokens - followed.start :]
        if followed.n_paired > n_tokens:
            self._keep_pairs(sequence, followed, n_tokens)

    def fork(self, source: int, target: int) -> None:
        original = self._followed.get(source)
        if original is None:
            self.truncate(target, 0)
            return
        copy = self._followed.get(target) or _Followed(np.empty_like(original.states))
        held = slice(original.start, original.end)
        copy.states[held] = original.states[held]
        copy.start, copy.tokens = original.start, original.tokens[:]
        copy.n_paired = original.n_paired
        self._followed[target] = copy
        self._context.copy(source, target)

    def draft(self, sequence: int, tokens: Sequence[int], n: int) -> list[int]:
        followed = self._followed.get(sequence)
        newest = len(tokens) - 1
        n = min(n, self.n_max, self._context.n_ctx - newest)
        if n <= 0 or followed is None or not followed.tokens or followed.end != newest:
            return []
        drafted: list[int] = []
        if self._pair_up(sequence, followed, tokens[newest]):
            drafted = self._guess(sequence, newest, n)
        if followed.n_paired > newest:
            self._keep_pairs(sequence, followed, newest)
        return drafted

    def close(self) -> None:
        self._context.close()
        model, self._model = self._model, None
        if model:
            api.llama_model_free(model)

    def _pair_up(self, sequence: int, followed: _Followed, newest: int) -> bool:
        """Evaluates the pairs that are missing, in one call at most. Whether that was all."""
        first = followed.n_paired
        count = n_missing = followed.end + 1 - first
        if n_missing > self._context.capacity_with_logits:
            # The newest token's pair is dropped afterwards and evaluated again with the next one:
            # rows that go in singly would be other bits.
            count = min(n_missing - 2, self._context.capacity)
        offset = first - followed.start
        tokens = [*followed.tokens[offset : offset + count], newest][:count]
        states = followed.states[first - 1 : first - 1 + count]
        is_last = count == n_missing
        if not self._context.evaluate(sequence, first - 1, tokens, states, wants_logits=is_last):
            return False
        followed.n_paired += count
        return is_last

    def _guess(self, sequence: int, newest: int, n: int) -> list[int]:
        """Tokens after the newest, whose pair was the last to be evaluated."""
        drafted = [self._context.likeliest()]
        while len(drafted) < n and drafted[-1] not in self._end_ids:
            state = hidden_row(self._context.handle, self._context.last_row, self._states.width)
            cell = newest + len(drafted) - 1
            if not self._context.evaluate(sequence, cell, drafted[-1:], state[np.newaxis]):
                break
            drafted.append(self._context.likeliest())
        return drafted

    def _keep_pairs(self, sequence: int, followed: _Followed, n_paired: int) -> None:
        self._context.truncate(sequence, n_paired - 1 if n_paired > followed.start + 1 else 0)
        followed.n_paired = n_paired

    def _forget(self, sequence: int, followed: _Followed, start: int) -> None:
        self._context.truncate(sequence, 0)
        followed.tokens.clear()
        followed.start, followed.n_paired = start, start + 1


class LastLayer:
    """The target's last hidden state, normed: what MTP layers take."""

    def __init__(self, target: Target) -> None:
        self.width = target.n_embd
        self._context = target.context
        output_hidden_rows(target.context)

    def read(self, first_row: int, n_rows: int) -> Rows:
        return hidden_rows(self._context, first_row + n_rows, self.width)[first_row:]


class ThreeLayers:
    """What goes into three of the target's layers, fused by EAGLE-3's encoder."""

    def __init__(
        self, head: DraftContext, width: int, target: Target, layers: Sequence[int]
    ) -> None:
        """
        Args:
            head: the context that runs the encoder.
            width: of the fused state.
        """
        self.width = width
        self._head = head
        self._target = target.context
        self._layers = layers
        self._n_embd = target.n_embd
        self._batch = Batch(head.capacity, n_embd=len(layers) * target.n_embd, has_tokens=False)
        for layer in layers:
            output_layer_input(target.context, layer)

    def read(self, first_row: int, n_rows: int) -> Rows:
        end = first_row + n_rows
        inputs = [
            layer_input(self._target, layer, end, self._n_embd)[first_row:]
            for layer in self._layers
        ]
        # The encoder looks at each row alone: sequence and positions mean nothing to it, but must
        # be in order.
        self._batch.clear()
        self._batch.append([0] * n_rows, self._head.end(0), 0, n_rows)
        np.concatenate(inputs, axis=1, out=self._batch.vectors[:n_rows])
        if api.llama_encode(self._head.handle, self._batch.raw) != 0:
            raise BackendError("llama.cpp failed while it encoded for the EAGLE-3 head.")
        return hidden_rows(self._head.handle, n_rows, self.width)
