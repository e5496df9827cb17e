"""Which requests speculate, and what all of them learn together.

Rows that are evaluated one at a time go through other kernels than rows in twos and more, and
round differently. So that a draft never changes a token, a request that may speculate evaluates all
its tokens in calls that agree to the last bit (`RowPolicy`), whether it has a draft at hand or not.
Where the second row costs nothing (a small model, a GPU) that goes for every request. Elsewhere it
goes for those whose answer is mostly known beforehand: edits of a text. It is decided by what the
request and the model are, never by what was measured, or the same question would have two answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from inference.backends.base import RowPolicy
from inference.speculation.acceptance import Acceptance
from inference.speculation.draft import Drafter
from inference.speculation.model_drafts import DraftingCost, ModelDrafts
from inference.speculation.speculator import Speculator
from inference.speculation.verify_cost import VerifyCost
from inference.types import DraftCounts, GenerationRequest, SpeculationMode, add_counts

SMALL_MODEL_BYTES = 64 * 2**20
"""A model of this size is computed in no time; what a call costs is its overhead."""


class Speculation:
    """One loaded model's. Used on the engine thread, but for `totals`, which is replaced whole."""

    def __init__(self, mode: SpeculationMode, rows: RowPolicy, *, is_second_row_free: bool) -> None:
        """
        Args:
            rows: the calls whose rows agree.
            is_second_row_free: whether any request may as well evaluate two rows as one.
        """
        self._mode = mode
        self._rows = rows
        self._is_for_all = is_second_row_free or mode is SpeculationMode.ALWAYS
        self._acceptance = Acceptance()
        self.costs = VerifyCost()
        self.drafting_cost = DraftingCost()
        self.totals: dict[str, DraftCounts] = {}
        """Of all requests that have ended."""

    @property
    def is_on(self) -> bool:
        return self._mode is not SpeculationMode.NEVER

    def rows(self, request: GenerationRequest) -> RowPolicy:
        """What the calls of this request must have."""
        if self._is_for_all or request.old_text:
            return self._rows
        return RowPolicy(maximum=self._rows.maximum)

    def covers(self, request: GenerationRequest) -> bool:
        """Whether tokens may be drafted for this request."""
        return self.is_on and (self._is_for_all or bool(request.old_text))

    def speculator(
        self, drafters: Sequence[Drafter], model: ModelDrafts | None = None
    ) -> Speculator:
        """For one request that is covered."""
        return Speculator(drafters, self._acceptance, self.costs, model)

    def add(self, counts: dict[str, DraftCounts]) -> None:
        """Adds a request's counts to the totals."""
        self.totals = add_counts(self.totals, counts)
