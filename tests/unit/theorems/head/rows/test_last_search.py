"""When nothing else wants the time, a search that can go on does so for as long as it flips points."""

from __future__ import annotations

import numpy as np
import pytest

from certify.theorems.head.rows.flips import OPEN, Found
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.searches.searched import Searches
from tests.families.heads import any_rows, drawn_head

GAINS = (2, 1, 0, 3)
"""Points that each of the searches flips."""


class Counted(Searches):
    """A search that flips as many points as it is told."""

    def __init__(self, begun: bool, cut: int = 9) -> None:
        head = drawn_head(np.random.default_rng(3), "logistic", n=10, N=5)
        super().__init__(head, any_rows(head, 2, True), Found(head), lambda *_: None)
        self.ran, self.cut = 0, cut
        if begun:
            self._begun = object()  # type: ignore[assignment]

    def run(self, todo, budget, part):
        assert todo.any() and not (todo & self.found.flipped).any() and part == 1.0
        new = np.flatnonzero(todo)[: GAINS[self.ran]]
        self.found.point[new] = 0
        self.ran += 1
        return self.ran == self.cut


@pytest.mark.parametrize(("begun", "cut", "seconds", "ran", "over"), [
    (True, 9, 1e6, 3, False),  # the third flips none
    (True, 2, 1e6, 2, True),  # the second was cut off
    (False, 9, 1e6, 1, False),  # one that begins anew each time finds the same
    (True, 9, np.inf, 1, False),  # without a limit there would be no end for a user to wait for
])
def test_it_goes_on_while_it_gains(begun, cut, seconds, ran, over):
    search = Counted(begun, cut)
    assert search.last(np.ones(5, dtype=bool), Budget(seconds)) == over
    assert search.ran == ran and (search.found.point != OPEN).sum() == sum(GAINS[:ran])


def test_it_ends_when_all_points_are_flipped():
    search = Counted(True)
    todo = np.array([True, True, True, False, False])
    assert not search.last(todo, Budget(1e6))
    assert search.ran == 2 and search.found.flipped.tolist() == todo.tolist()
