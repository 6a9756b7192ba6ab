"""What leaving rows out changes at an evaluation row, read off enclosures of its outputs before and after."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf, isfinite

import numpy as np

from certify.format.errors import InputError
from certify.rigor.fp import Array

RAISES, LOWERS, OPEN = "raises", "lowers", "open"


class Leads:
    """Enclosed outputs of N evaluation rows, after each of r changes and before any.

    Attributes:
        lower, upper: `(r, N, k)`.
        base_lower, base_upper: `(N, k)`.
    """

    lower: Array
    upper: Array
    base_lower: Array
    base_upper: Array

    def ends(self, point: int, label: int | None = None) -> tuple[Array, Array]:
        """`(r,)` lower and upper ends of what each change does at one evaluation row.

        Of one output its change; of several the change of the lead of a label.

        Args:
            point: number of the evaluation row.
            label: the output whose lead it is, where there are several; None: the largest after training on all rows.
        """
        N = self.base_lower.shape[0]
        if not isinstance(point, int | np.integer) or not 0 <= point < N:
            raise InputError("point", f"{point!r}", f"give the number of an evaluation row, 0 to {N - 1}")
        if self.lower.shape[2] == 1:
            return self._changes(point, _alone)
        some = self._largest(point) if label is None else [label]
        each = [self._changes(point, partial(_lead, own=own)) for own in some]  # more than one where two may be it
        return np.min([low for low, _ in each], axis=0), np.max([high for _, high in each], axis=0)

    def _largest(self, point: int) -> list[int]:
        """The output that is the largest of an evaluation row after training on all rows; all that may be it."""
        low, high = self.base_lower[point], self.base_upper[point]
        return [int(c) for c in np.flatnonzero(high >= low.max())]

    def _changes(self, point: int, read: Callable[[Array, Array], tuple[Array, Array]]) -> tuple[Array, Array]:
        """Ends of what leaving out each row adds to a number that is read off the outputs of an evaluation row."""
        low, high = read(self.lower[:, point], self.upper[:, point])
        old_low, old_high = read(self.base_lower[None, point], self.base_upper[None, point])
        with np.errstate(invalid="ignore"):
            return _below(low - old_high[0]), _above(high - old_low[0])


def _alone(low: Array, high: Array) -> tuple[Array, Array]:
    """Ends of the one output, for ends `(r, 1)` of outputs."""
    return low[:, 0], high[:, 0]


def _lead(low: Array, high: Array, own: int) -> tuple[Array, Array]:
    """Ends of an output less the largest of the others, for ends `(r, k)` of outputs."""
    with np.errstate(invalid="ignore"):
        return (_below(low[:, own] - np.delete(high, own, axis=1).max(axis=1)),
                _above(high[:, own] - np.delete(low, own, axis=1).max(axis=1)))


def _below(x: Array) -> Array:
    return np.asarray(np.where(np.isnan(x), -np.inf, np.nextafter(x, -np.inf)))


def _above(x: Array) -> Array:
    return np.asarray(np.where(np.isnan(x), np.inf, np.nextafter(x, np.inf)))


def direction(low: float, high: float) -> str:
    """Whether a change raises, lowers, or neither is proved."""
    return RAISES if low > 0 else LOWERS if high < 0 else OPEN


def place(low: float, high: float) -> float:
    """What orders changes, the largest first: by the middle of both ends; what is not enclosed comes last."""
    middle = low + high
    return -abs(middle) if isfinite(middle) else inf
