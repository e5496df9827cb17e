"""Chooses, for one request, what to draft and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inference.backends.base import RowPolicy
from inference.speculation.acceptance import Acceptance
from inference.speculation.draft import Draft, Drafter
from inference.speculation.model_drafts import ModelDrafts
from inference.speculation.verify_cost import VerifyCost
from inference.types import DraftCounts

_MIN_GAIN = 1.02
"""A draft is checked only if it makes the step's tokens cheaper by this factor: the costs are
measured, and what is gained less surely than they are known is not gained."""
NOTHING: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Plan:
    tokens_per_ms: float
    name: str
    draft: Draft


class Speculator:
    """One request's drafters. `counts` says what came of each."""

    def __init__(
        self,
        drafters: Sequence[Drafter],
        acceptance: Acceptance,
        costs: VerifyCost,
        model: ModelDrafts | None = None,
    ) -> None:
        """
        Args:
            model: asked only where the others have nothing as good.
        """
        self._drafters = drafters
        self._model = model
        self._acceptance = acceptance
        self._costs = costs
        self._thoughts: list[tuple[str, Draft]] = []
        """What each drafter had in mind at the last step, checked or not."""
        self._n_read = 0
        self._checked: str | None = None
        self._n_checked = 0
        self.counts: dict[str, DraftCounts] = {}

    def propose(
        self,
        context: Sequence[int],
        *,
        n_new: int,
        n_max: int,
        rows: RowPolicy,
        in_prefill: bool = False,
    ) -> Sequence[int]:
        """Tokens to evaluate behind the `n_new` ones that are evaluated anyway.

        Args:
            context: the text so far; the same list at each call, grown at its end.
            n_max: most tokens to draft.
            rows: what a call must have, whether drafts fill it or not.
            in_prefill: whether the new tokens are a prompt's.
        """
        self._learn(context)
        self._n_read = len(context)
        self._checked = None
        self._thoughts = []
        best = self._best_free(context, n_max, rows)
        if self._model is not None and not in_prefill:
            draft = self._ask_model(self._model, best, n_max, rows)
            if draft is not None:
                # What it costs to ask is spent: its tokens compete like the others' now.
                best = _Plan(
                    self._best_rate(self._model.name, draft, rows), self._model.name, draft
                )
        if best is None:
            return NOTHING
        n = self._best_length(best, n_new, rows)
        if not n:
            return NOTHING
        self._checked, self._n_checked = best.name, n
        return best.draft.tokens[:n]

    def _best_free(self, context: Sequence[int], n_max: int, rows: RowPolicy) -> _Plan | None:
        """Of the drafters that cost nothing."""
        best: _Plan | None = None
        for drafter in self._drafters:
            draft = drafter.draft(context, n_max) if n_max > 0 else None
            if draft is None:
                continue
            self._thoughts.append((drafter.name, draft))
            rate = self._best_rate(drafter.name, draft, rows)
            if best is None or rate > best.tokens_per_ms:
                best = _Plan(rate, drafter.name, draft)
        return best

    def _ask_model(
        self, model: ModelDrafts, best: _Plan | None, n_max: int, rows: RowPolicy
    ) -> Draft | None:
        rate = best.tokens_per_ms if best else 1 / self._costs.ms(rows.padded(1))
        n = model.worth_asking(
            n_max,
            _MIN_GAIN * rate,
            lambda bucket: self._acceptance.probability(model.name, bucket),
            lambda n_drafted: self._costs.ms(rows.padded(1 + n_drafted)),
        )
        draft = model.ask(n) if n else None
        if draft is not None:
            self._thoughts.append((model.name, draft))
        return draft

    def settle(self, n_right: int) -> None:
        """Notes how many of the tokens last proposed were right."""
        if self._checked is not None:
            before = self.counts.get(self._checked, DraftCounts())
            now = DraftCounts(self._n_checked, min(n_right, self._n_checked))
            self.counts[self._checked] = before + now

    def _learn(self, context: Sequence[int]) -> None:
        """Holds every drafter's last thoughts against what the model then chose."""
        chosen = context[self._n_read :]
        for name, draft in self._thoughts:
            for token, guess, bucket in zip(chosen, draft.tokens, draft.buckets, strict=False):
                self._acceptance.count(name, bucket, is_right=token == guess)
                if token != guess:
                    break

    def _best_rate(self, name: str, draft: Draft, rows: RowPolicy) -> float:
        """Tokens per millisecond of decoding with the best length of this draft."""
        expected = self._expected(name, draft)
        return max(e / self._costs.ms(rows.padded(1 + n)) for n, e in enumerate(expected))

    def _best_length(self, plan: _Plan, n_new: int, rows: RowPolicy) -> int:
        """How many drafted tokens gain most. Where a prompt's last rows are evaluated too, a row
        costs what it adds to the call; the time saved is valued as decoding would spend it."""
        expected = self._expected(plan.name, plan.draft)
        costs = [self._costs.ms(rows.padded(n_new + n)) for n in range(len(expected))]
        gains = [
            tokens - plan.tokens_per_ms * (ms - costs[0])
            for tokens, ms in zip(expected, costs, strict=True)
        ]
        best = max(range(len(gains)), key=gains.__getitem__)
        # Rows that are evaluated anyway may as well be guesses.
        n_filling = min(rows.padded(n_new) - n_new, len(plan.draft.tokens))
        return best if gains[best] > _MIN_GAIN * gains[n_filling] else n_filling

    def _expected(self, name: str, draft: Draft) -> list[float]:
        """Tokens that a step yields with the first 0, 1, 2, … of the draft, in the mean."""
        total = [1.0]
        chance = 1.0
        for bucket in draft.buckets:
            chance *= self._acceptance.probability(name, bucket)
            total.append(total[-1] + chance)
        return total
