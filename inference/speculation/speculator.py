"""Chooses, for one request, what to draft and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from inference.backends.base import RowPolicy
from inference.speculation.acceptance import Acceptance, Source
from inference.speculation.draft import MAX_DRAFT, Draft, Drafter, n_same
from inference.speculation.model_drafts import ModelDrafts
from inference.speculation.prices import NO_CHOICE, Choice, Prices
from inference.speculation.verify_cost import VerifyCost
from inference.types import DraftCounts

_SURE = 0.9
"""Chance of a draft's first token above which no other drafter is asked."""
_MIN_GAIN = 1.02
"""Of a drafting model's rate over what can be had without it; its costs are known so well."""
NOTHING: tuple[int, ...] = ()


class _Plan(NamedTuple):
    source: Source
    draft: Draft
    choice: Choice


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
        self._thoughts: list[tuple[Source, Draft]] = []
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
        if n_max <= 0:
            return NOTHING
        n_max = min(n_max, MAX_DRAFT)
        prices = self._costs.prices(rows)
        best = self._best_free(context, n_new, n_max, prices)
        if self._model is not None and not in_prefill:
            draft = self._ask_model(self._model, best, n_max, rows)
            if draft is not None:
                # What it costs to ask is spent: its tokens compete like the others' now.
                best = self._plan(Source(self._model.name), draft, n_new, prices)
        if best is None or not best.choice.n:
            return NOTHING
        self._checked, self._n_checked = best.source.drafter, best.choice.n
        return best.draft.tokens[: best.choice.n]

    def _best_free(
        self, context: Sequence[int], n_new: int, n_max: int, prices: Prices
    ) -> _Plan | None:
        """Of the drafters that cost nothing."""
        drafts: list[tuple[str, Draft]] = []
        for drafter in self._drafters:
            draft = drafter.draft(context, n_max)
            if draft is None:
                continue
            drafts.append((drafter.name, draft))
            if self._acceptance.shares(Source(drafter.name))[draft.buckets[0]] > _SURE:
                break
        best: _Plan | None = None
        first_tokens = [draft.tokens[0] for _, draft in drafts]
        for name, draft in drafts:
            source = Source(name, first_tokens.count(draft.tokens[0]) > 1)
            plan = self._plan(source, draft, n_new, prices)
            if best is None or plan.choice.gain > best.choice.gain:
                best = plan
        return best

    def _plan(self, source: Source, draft: Draft, n_new: int, prices: Prices) -> _Plan:
        self._thoughts.append((source, draft))
        choice = prices.choose(self._acceptance.shares(source), draft.buckets, n_new)
        return _Plan(source, draft, choice)

    def _ask_model(
        self, model: ModelDrafts, best: _Plan | None, n_max: int, rows: RowPolicy
    ) -> Draft | None:
        choice = best.choice if best else NO_CHOICE
        rate = choice.n_tokens / self._costs.ms(rows.padded(1 + choice.n))
        n = model.worth_asking(
            n_max,
            _MIN_GAIN * rate,
            self._acceptance.shares(Source(model.name)),
            lambda n_drafted: self._costs.ms(rows.padded(1 + n_drafted)),
        )
        return model.ask(n) if n else None

    def settle(self, n_right: int) -> None:
        """Notes how many of the tokens last proposed were right."""
        if self._checked is not None:
            before = self.counts.get(self._checked, DraftCounts())
            now = DraftCounts(self._n_checked, min(n_right, self._n_checked))
            self.counts[self._checked] = before + now

    def _learn(self, context: Sequence[int]) -> None:
        """Holds every drafter's last thoughts against what the model then chose."""
        chosen = context[self._n_read :]
        for source, draft in self._thoughts:
            n_right = n_same(chosen, draft.tokens)
            for bucket, same in groupby(draft.buckets[:n_right]):
                n = len(list(same))
                self._acceptance.count(source, bucket, n, n)
            if n_right < min(len(chosen), len(draft.tokens)):
                self._acceptance.count(source, draft.buckets[n_right], 0, 1)
