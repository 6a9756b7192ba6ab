"""Untrusted searches for changes that flip, each of which its refit proves; a later one goes on where it ended."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from certify.finders.head.attack import Attack
from certify.finders.head.floats import float_head
from certify.finders.head.greedy import greedy
from certify.finders.head.plain_attack import plain_attack
from certify.rigor.finder import proposed
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget, Mask
from certify.theorems.head.rows.searches.ended import MEMORY
from certify.theorems.head.rows.squared.worst import is_large, worst_deletions

LONGEST, SHORTER = 60.0, 20.0
"""Seconds that it may take at most: of labels, and of deletions, where it finds what it finds at once."""
AT_ONCE: Final = 512
Tell = Callable[[str, float], None]


class Searches:
    """The searches of one survey.

    Args:
        head, change: what is asked.
        found: where flips are kept.
        tell: told the stage and the fraction decided.

    Attributes:
        short: whether memory was short: no search begins then, and what was found before stays.
    """

    def __init__(self, head: Head, change: Change, found: Found, tell: Tell) -> None:
        self.head, self.change, self.found, self.tell = head, change, found, tell
        self._begun: tuple[Attack, np.ndarray] | None = None
        self.short = False

    @property
    def reasons(self) -> list[str]:
        """That a search had not memory enough, and what it had found by then counts; [] where all had."""
        return [f"the search for changes that flip ended before its time: {MEMORY}"] if self.short else []

    def run(self, todo: Mask, budget: Budget, part: float) -> bool:
        """Search, and say whether more time would make it longer.

        Args:
            todo: `(N,)` the points in question.
            budget, part: the time, and the share of it that there is for this.
        """
        if self.short:  # what did not fit once does not fit again
            return False
        try:
            return self._run(todo, budget, part)
        except MemoryError:
            self.short, self._begun = True, None
            return False

    def _run(self, todo: Mask, budget: Budget, part: float) -> bool:
        head, change, found = self.head, self.change, self.found
        deletes = isinstance(change, RowChange) and not change.relabels
        most = SHORTER if deletes else LONGEST
        limit = Budget(min(budget.share(part).left(), most))
        self.tell(f"changes that flip, {max(limit.seconds, 1.0):.0f} s at most", 0.0)
        if isinstance(change, RowChange) and deletes and head.loss.quadratic and not head.uneven and is_large(head):
            worst_deletions(head, change, todo, found, lambda: limit.left() <= 0)
            return limit.left() <= 0 and limit.seconds < most
        if not isinstance(change, RowChange):
            stand = np.flatnonzero(todo).tolist()
            for choices, V in proposed(lambda: list(greedy(head, change, stand, limit.left))) or ():
                found.prove(choices, V)
            return limit.left() <= 0 and limit.seconds < most
        plain = head.uneven or head.loss.targeted
        flips: Any = plain_attack(head, change, limit.left()) if plain else self._attacked(change, todo, limit)
        over = limit.left() <= 0 and limit.seconds < most
        for begin in range(0, len(flips.rows), AT_ONCE):
            at = slice(begin, begin + AT_ONCE)
            found.prove(Choices(flips.rows[at], flips.codes[at]), flips.weights[at])
        return over

    def last(self, todo: Mask, budget: Budget) -> bool:
        """Search when nothing else wants the time: a search that can go on does so while it flips points in time left.

        Args:
            todo: `(N,)` the points in question.
            budget: the time; where it has no end, one search is enough.
        """
        while True:
            left = todo & ~self.found.flipped
            if not left.any():
                return False
            over = self.run(left, budget, 1.0)
            gained = (left & self.found.flipped).any()
            if over or not gained or self._begun is None or not 0.0 < budget.left() < math.inf:
                return over

    def _attacked(self, change: RowChange, todo: Mask, limit: Budget) -> Any:
        head = self.head
        if self._begun is None or (todo & ~self._begun[1]).any():
            lost = head.weight_decay if head.remaining else 0.0
            floats = float_head(head.phi, head.Y, head.loss.name, head.mu()[0], head.V, head.points[todo], head.decayed,
                                head.codes, head.label, lost, head.threshold)
            self._begun = Attack(floats, not change.relabels, change.count, np.array(change.rows)), todo
        search, points = self._begun
        return search.run(limit.left(), todo[points])
