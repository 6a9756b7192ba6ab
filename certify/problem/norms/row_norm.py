"""The norm of one row's change: what its unit ball and the dual norm are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from certify.rigor.fp import Array


@dataclass(frozen=True)
class RowNorm:
    """One norm q.

    Attributes:
        word: as a spec says it.
        order: as numpy names it.
        box: whether the unit ball is a box, whose corners lie `√d` from its centre; else it lies in the Euclidean ball.
    """

    word: int | str
    order: float
    box: bool = False

    def dual(self, y: Array) -> Array:
        """`|y|_{q*}` along the last axis, in floats."""
        if self.box:
            return np.asarray(np.abs(y).sum(axis=-1))
        return np.asarray(np.sqrt((y * y).sum(axis=-1)) if self.order == 2 else np.abs(y).max(axis=-1))

    def spread(self, d: int) -> int:
        """`max |u|₂²` on the unit ball of d numbers.

        >>> ROW_NORMS["inf"].spread(3), ROW_NORMS[1].spread(3)
        (3, 1)
        """
        return d if self.box else 1


ROW_NORMS: Final[Mapping[int | str, RowNorm]] = MappingProxyType({
    norm.word: norm for norm in (RowNorm(1, 1.0), RowNorm(2, 2.0), RowNorm("inf", np.inf, box=True))})
"""By its word."""
