"""How many threads a call should use while other programs use the cores too. Policy only.

Every thread waits at a barrier after each node of the graph, so one that has to share its core
holds up all others: with both of two cores busy, two threads were ten times slower than one. What
is best cannot be known beforehand; it is tried. As long as the threads get their cores nothing is
tried, and all of them are used.
"""

from __future__ import annotations

from dataclasses import dataclass

LOW_SHARE = 0.8
"""Of a call's time in which its first thread ran: below, it had to wait for a core or for others
that had. On an idle machine it is 0.96 and more."""
FULL_SHARE = 0.95
SLOWER = 1.5
"""Times the best known: another sign of trouble, for runtimes whose threads spin as they wait."""
BETTER = 0.95
"""Of the time with the present number: what another one must undercut to take its place."""
MIN_TRIAL_STEPS = 3
MIN_TRIAL_MS = 30.0
"""Schedulers give out turns of some milliseconds; shorter trials measure luck."""
PATIENCE_STEPS = 2.0
PATIENCE_MS = 10.0, 30.0
"""A trial ends early when it has lost as much as so many steps, within these bounds: one long call
of a prompt says enough."""
LOSS_SHARE = 0.02
"""Of the time that trials may cost."""
MIN_WAIT_MS = 250.0
"""Time in calls between two trials of the same number."""
N_CLASSES = 10
"""Of calls: up to 512 rows and more."""


class ThreadGovernor:
    """Chooses for each class of calls apart, as one token and a whole chunk of a prompt gain
    differently by threads: calls of 1, 2–3, 4–7, 8–15 … rows."""

    def __init__(self, n_threads: int) -> None:
        """
        Args:
            n_threads: the most to use, and where to begin.
        """
        counts = thread_counts(n_threads)
        self._classes = [_CallClass(counts) for _ in range(N_CLASSES)]

    @property
    def n_threads(self) -> int:
        """What decoding one token uses now."""
        return self.choose(1)

    def choose(self, n_rows: int) -> int:
        """Threads for the next call of `n_rows` rows."""
        return self._class_of(n_rows).n_threads

    def observe(self, n_rows: int, ms: float, run_ms: float) -> None:
        """Notes a call made with what `choose` said.

        Args:
            run_ms: how much of `ms` the calling thread ran on a core. Some systems count it in
                ticks longer than a call; only sums over a trial are used.
        """
        here = self._class_of(n_rows)
        direction = here.observe(n_rows, ms, run_ms)
        if direction:
            # Whatever the reason is, it concerns the others too.
            for other in self._classes:
                if other is not here:
                    other.suggest(direction)

    def _class_of(self, n_rows: int) -> _CallClass:
        return self._classes[min(n_rows.bit_length(), N_CLASSES) - 1]


def thread_counts(n_threads: int) -> tuple[int, ...]:
    """The numbers worth trying, ascending: all, one less for one busy core, and halves."""
    counts = {n_threads, max(n_threads - 1, 1)}
    while n_threads > 1:
        n_threads //= 2
        counts.add(n_threads)
    return tuple(sorted(counts))


@dataclass(slots=True)
class _Trial:
    """Calls in a row with one number of threads."""

    at: int
    """Index of that number."""
    n_steps: int = 0
    n_rows: int = 0
    ms: float = 0.0
    run_ms: float = 0.0

    def add(self, n_rows: int, ms: float, run_ms: float) -> None:
        self.n_steps += 1
        self.n_rows += n_rows
        self.ms += ms
        self.run_ms += run_ms

    @property
    def is_complete(self) -> bool:
        return self.n_steps >= MIN_TRIAL_STEPS and self.ms >= MIN_TRIAL_MS

    @property
    def ms_per_row(self) -> float:
        # The mean: what a median would leave out is the very time lost in waiting.
        return self.ms / self.n_rows

    @property
    def share(self) -> float:
        return self.run_ms / self.ms if self.ms else 1.0


class _CallClass:
    """Settles on one number of threads and compares it with its neighbours: the lower one while
    there is trouble, the upper one from time to time."""

    def __init__(self, counts: tuple[int, ...]) -> None:
        self._counts = counts
        self._settled = len(counts) - 1
        self._trial = _Trial(self._settled)
        self._ms_per_row = 0.0
        """Of the last trial of the settled number."""
        self._best_ms_per_row = float("inf")
        """Of the settled number since it was settled on."""
        self._is_troubled = False
        self._is_unproven = False
        """Whether the settled number took the place of a higher one that was in trouble, which may
        have been over before that number was even tried."""
        self._suggested = 0
        self._wait_ms = {-1: 0.0, +1: 0.0}
        """Time in calls before the lower, the upper neighbour may be tried (again)."""

    @property
    def n_threads(self) -> int:
        return self._counts[self._trial.at]

    def suggest(self, direction: int) -> None:
        """Asks for a trial of the lower (−1) or the upper (+1) neighbour soon."""
        self._suggested = direction
        self._wait_ms[direction] = 0.0

    def observe(self, n_rows: int, ms: float, run_ms: float) -> int:
        """Returns −1 or +1 when fewer or more have proved better, else 0."""
        for direction in self._wait_ms:
            self._wait_ms[direction] -= ms
        trial = self._trial
        trial.add(n_rows, ms, run_ms)
        if trial.at != self._settled:
            return self._judge(trial)
        if trial.is_complete or self._suggested:
            self._take_stock(trial)
            self._trial = _Trial(self._next())
            self._suggested = 0
        return 0

    def _take_stock(self, trial: _Trial) -> None:
        """A trial of the settled number is over."""
        is_slow = trial.ms_per_row > SLOWER * self._best_ms_per_row
        # Trouble is told once: a longer context is slower for good.
        best = trial.ms_per_row if is_slow else min(self._best_ms_per_row, trial.ms_per_row)
        if self._is_troubled and not is_slow and trial.share >= FULL_SHARE:
            # A core was taken and is free again: perhaps more of them are.
            self._wait_ms[+1] = 0.0
        self._is_troubled = is_slow or trial.share < LOW_SHARE
        self._ms_per_row, self._best_ms_per_row = trial.ms_per_row, best

    def _next(self) -> int:
        """What to use now: the settled number, or a neighbour on trial."""
        for direction, is_wanted in ((-1, self._is_troubled or self._suggested < 0), (+1, True)):
            at = self._settled + direction
            if is_wanted and 0 <= at < len(self._counts) and self._wait_ms[direction] <= 0:
                return at
        return self._settled

    def _judge(self, trial: _Trial) -> int:
        """A neighbour is on trial."""
        lost_ms = trial.ms - self._ms_per_row * trial.n_rows
        step_ms = self._ms_per_row * trial.n_rows / trial.n_steps
        low, high = PATIENCE_MS
        if not trial.is_complete and lost_ms < min(max(PATIENCE_STEPS * step_ms, low), high):
            return 0
        direction = trial.at - self._settled
        wait_ms = max(lost_ms / LOSS_SHARE, MIN_WAIT_MS)
        if trial.ms_per_row >= BETTER * self._ms_per_row:
            self._wait_ms[direction] = wait_ms
            self._trial = _Trial(self._settled)
            is_proved = self._is_unproven and direction > 0
            self._is_unproven = self._is_unproven and not is_proved
            return -1 if is_proved else 0
        # On in the same direction if that still promises something; and from fewer at once back to
        # more, for if the trouble is over that costs nothing.
        self._wait_ms = {-1: wait_ms if direction > 0 else 0.0, +1: 0.0}
        self._is_unproven = direction < 0
        self._settled = trial.at
        self._ms_per_row = self._best_ms_per_row = trial.ms_per_row
        self._is_troubled = trial.share < LOW_SHARE
        self._trial = _Trial(self._next())
        return max(direction, 0)
