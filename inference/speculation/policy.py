"""Which requests speculate, and what all of them learn together.

Rows that are evaluated one at a time go through other kernels than rows in twos and more, and
round differently. So that a draft never changes a token, a request that may speculate evaluates all
its tokens in calls that agree to the last bit (`RowPolicy`), whether it has a draft at hand or not.
Where the second row costs nothing (a GPU, a machine that waits for its memory) that goes for every
request. Elsewhere it goes for those whose answer is mostly known beforehand, edits of a text, if
this machine evaluates eight rows for much less than eight. Both are measured once and then stand,
as the same question should not have two answers.
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

FREE_ROWS = 2
MAX_FREE_COST = 1.1
"""Of a call of so many rows, in calls of one. With it completions of real edits took 0.78 of their
time without drafts, and one in twenty as long (simulated). At 1.2, measured with the built-in
model, they took 1.02 to 1.06 of it."""
DRAFTING_MS = 0.04
"""A step's choice of drafts and the further row's sampling; much for the built-in model, whose
two rows can be measured at 1.1 by chance."""
EDIT_ROWS = 8
MAX_EDIT_COST = 5.0
"""Of a call of so many rows and one of the fewest an edit may have, in calls of one: steps are of
either kind. With 3 for eight and 2 for two real edits took 0.6 of their time without drafts, and
one in twenty took 1.2 times as long (simulated); with 2.5 for eight, and none with fewer, 0.6 and
1.3. With 3.4 and 2, measured, edits of functions took 0.7, but those of some lines 1.2 times as
long."""


class Speculation:
    """One loaded model's. Used on the engine thread, but for `totals`, which is replaced whole."""

    def __init__(
        self,
        mode: SpeculationMode,
        rows: RowPolicy,
        *,
        is_second_row_free: bool,
        edit_rows: RowPolicy | None = None,
    ) -> None:
        """
        Args:
            rows: the calls whose rows agree.
            is_second_row_free: whether any request may as well evaluate two rows as one, whatever
                is measured.
            edit_rows: for requests whose answer is mostly known, where `rows` agree only nearly.
        """
        self._mode = mode
        self._rows = rows
        self._edit_rows = edit_rows or rows
        self._is_for_edits = False
        self._is_for_all = is_second_row_free or mode is SpeculationMode.ALWAYS
        self._acceptance = Acceptance()
        self.costs = VerifyCost()
        self.drafting_cost = DraftingCost()
        self.totals: dict[str, DraftCounts] = {}
        """Of all requests that have ended."""

    def decide(self) -> None:
        """Once the costs are measured: which requests speculate on this machine."""
        free_ms = self.costs.ms(FREE_ROWS) + DRAFTING_MS
        is_free = free_ms <= MAX_FREE_COST * self.costs.ms(1)
        # With fewer, calls of one row and of two do not agree, and drafts would change the text.
        if is_free and self._rows.minimum >= FREE_ROWS:
            self._is_for_all = True
        edit_ms = self.costs.ms(self._edit_rows.minimum) + self.costs.ms(EDIT_ROWS)
        self._is_for_edits = edit_ms <= MAX_EDIT_COST * self.costs.ms(1)

    def rows(self, request: GenerationRequest) -> RowPolicy:
        """What the calls of this request must have."""
        if request.old_text and (self._is_for_all or self._is_for_edits):
            return self._edit_rows
        return self._rows if self._is_for_all else RowPolicy(maximum=self._rows.maximum)

    def covers(self, request: GenerationRequest) -> bool:
        """Whether tokens may be drafted for this request."""
        if self._mode is SpeculationMode.NEVER:
            return False
        return self._is_for_all or (self._is_for_edits and bool(request.old_text))

    def agrees_in_company(self, request: GenerationRequest) -> bool:
        """Whether this request's rows have the same bits whatever else is in the call, as long as
        each part of it has the rows that its own request must have."""
        rows = self.rows(request)
        return rows.minimum > 1 and rows.satisfies(self._edit_rows)

    def speculator(
        self, drafters: Sequence[Drafter], model: ModelDrafts | None = None
    ) -> Speculator:
        """For one request that is covered."""
        return Speculator(drafters, self._acceptance, self.costs, model)

    def add(self, counts: dict[str, DraftCounts]) -> None:
        """Adds a request's counts to the totals."""
        self.totals = add_counts(self.totals, counts)
