"""Both ends of the least and the largest value of numbers under changes of rows, from one way or several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.rigor.fp import Array

Rows = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class BothEnds:
    """The least and the largest value of every number, each between two ends.

    Attributes:
        lower, upper: `(q,)` no change takes it beyond; infinite where nothing is proved.
        reached_lower, reached_upper: `(q,)` some change takes it there or beyond; infinite (the other way) where none
            is known.
        lower_rows, upper_rows: which rows these are.
        needs: about how many seconds a way that gave up would take; 0 where none did.
    """

    lower: Array
    upper: Array
    reached_lower: Array
    reached_upper: Array
    lower_rows: tuple[Rows, ...]
    upper_rows: tuple[Rows, ...]
    needs: float = 0.0

    @property
    def bounded(self) -> bool:
        """Whether every end is finite."""
        return bool(np.isfinite(self.lower).all() and np.isfinite(self.upper).all())

    @property
    def signed(self) -> bool:
        """Whether it is proved of every number that it keeps its sign or that it does not."""
        kept = (self.lower > 0) | (self.upper < 0)
        return bool((kept | ((self.reached_lower < 0) & (self.reached_upper > 0))).all())

    def narrowed(self, other: BothEnds) -> BothEnds:
        """What both say together: each is about the same numbers and changes.

        >>> one = BothEnds(*(np.array([x]) for x in (-2.0, 3.0, 0.0, 1.0)), ((1,),), ((2,),))
        >>> two = BothEnds(*(np.array([x]) for x in (-1.0, np.inf, -0.5, 0.5)), ((3,),), ((4,),))
        >>> both = one.narrowed(two)
        >>> both.lower, both.upper, both.lower_rows, both.upper_rows
        (array([-1.]), array([3.]), ((3,),), ((2,),))
        """
        low, high = other.reached_lower < self.reached_lower, other.reached_upper > self.reached_upper
        return BothEnds(np.maximum(self.lower, other.lower), np.minimum(self.upper, other.upper),
                        np.where(low, other.reached_lower, self.reached_lower),
                        np.where(high, other.reached_upper, self.reached_upper),
                        _either(low, other.lower_rows, self.lower_rows),
                        _either(high, other.upper_rows, self.upper_rows), max(self.needs, other.needs))


def _either(which: np.ndarray[Any, np.dtype[np.bool_]], there: tuple[Rows, ...], here: tuple[Rows, ...],
            ) -> tuple[Rows, ...]:
    return tuple(a if w else b for w, a, b in zip(which.tolist(), there, here, strict=True))
