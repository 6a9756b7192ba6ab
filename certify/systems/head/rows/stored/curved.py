"""Rows of a logistic regression, each times the root of its curvature, and slopes: what D1h needs of the rows.

Roots have 29 bits, so that times a float32 they are floats: the rows of H are known exactly, and only how near their
squares are to curvatures is a bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.format.errors import InputError
from certify.rigor import fp
from certify.rigor.activation.sigmoid import values
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.systems.head.rows.stored.normal import NormalFound, SquaresFound, longer, some, summed
from certify.systems.head.rows.stored.tally import PerRow, Told
from certify.systems.head.rows.stored.tree import Tree

LEAST = 2.0**-24
"""Smallest root of a curvature: a smaller one would be off by no more than its square."""

CUT = np.int64(-1 << 24)
"""Bits of a float that a root keeps: 29 of the mantissa."""

LONG = np.int64((1 << 29) - 1)
"""Bits of a float that no float32 has."""

NEAR = 2.0**-27
"""By which part of itself the square of a root is smaller than the number, for the bits that are cut off (D1h)."""

LOSS = LogisticHead()


def roots(part: Array, V: Array) -> Array:
    """`(b,)` roots of curvatures at weights V, in 29 bits, at least `LEAST`.

    Raises:
        InputError: rows with longer numbers than float32.

    >>> roots(np.array([[1.0], [0.0]]), np.array([0.0])).tolist()
    [0.5, 0.5]
    """
    if (np.ascontiguousarray(part).view(np.int64) & LONG).any():
        raise InputError("X", "numbers that no float32 holds", "store the rows as float32, and fit to them")
    p = values(part @ V)[0]
    root = np.sqrt(np.maximum(p * (1.0 - p), 0.0))
    return np.maximum((root.view(np.int64) & CUT).view(np.float64), LEAST)


def curvature_error(dz: float) -> float:
    """How far a curvature is from the square of its root, beside `NEAR` of it, if outputs err by dz.

    `σ(1 − σ)` errs by at most twice what σ errs by, the product by less than u, and moves by at most a tenth of dz.
    """
    return (2 * values(np.zeros(1))[1] + 4 * U + 0.1 * dz + LEAST * LEAST) * RAISE


@dataclass(frozen=True, eq=False)
class CurvedSquares:
    """As :class:`Squares`, of rows times roots."""

    V: Array
    beside: int = 0

    def tally(self) -> CurvedSquaresFound:
        """Nothing yet."""
        return CurvedSquaresFound(self.V)


class CurvedSquaresFound(SquaresFound):
    """Of the parts so far."""

    def __init__(self, V: Array) -> None:
        super().__init__()
        self._V = V

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        super().take(number, start, roots(part, self._V)[:, None] * part)


@dataclass(frozen=True, eq=False)
class CurvedNormal:
    """As :class:`Normal`, of rows times roots."""

    V: Array
    beside: int = 0

    def tally(self) -> CurvedNormalFound:
        """Nothing yet."""
        return CurvedNormalFound(self.V)


class CurvedNormalFound(NormalFound):
    """Of the parts so far."""

    def __init__(self, V: Array) -> None:
        super().__init__(None)
        self._V = V

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        super().take(number, start, roots(part, self._V)[:, None] * part)


@dataclass(frozen=True, eq=False)
class Slopes:
    """The sum of slopes times rows at weights, and what bounds its error.

    Attributes:
        V: `(p,)` for the scaled columns.
        ref: other weights.
        Y: `(n, 1)` labels, 1 or −1.
    """

    V: Array
    ref: Array
    Y: PerRow
    beside: int = 0

    def tally(self) -> SlopesFound:
        """Nothing yet."""
        return SlopesFound(self)


class SlopesFound:
    """Of the parts so far.

    Attributes:
        longest: bound of the length of a row.
        drift: the most that outputs at the weights differ from those at the others, in floats.
        error: of every slope, but for what its output errs by.
    """

    def __init__(self, task: Slopes) -> None:
        self._task, self.longest, self.drift, self.error = task, 0.0, 0.0, 0.0
        self._columns, self._sums = Tree(longer), Tree()

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        slopes, error = slopes_of(part, self._task.V, self._task.Y.at(start, len(part)))
        self.error = max(self.error, error)
        self.drift = max(self.drift, float(np.abs(part @ (self._task.V - self._task.ref)).max()))
        self.longest = max(self.longest, float(fp.row_norms(part).max()))
        self._columns.take(number, fp.row_norms(np.ascontiguousarray(part.T)))
        self._sums.take(number, summed(part, slopes))

    def columns(self) -> Array:
        """Upper bounds of the lengths of the columns."""
        return some(self._columns)

    def sums(self) -> Array:
        """`(p,)`."""
        return some(self._sums)[:, 0]

    def told(self) -> Told:
        """As arrays."""
        return {"most": np.array([self.longest, self.drift, self.error]), **self._columns.told("columns"),
                **self._sums.told("sums")}

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        self.longest, self.drift, self.error = np.maximum(
            told["most"], [self.longest, self.drift, self.error]).tolist()
        self._columns.add(told, "columns")
        self._sums.add(told, "sums")


def slopes_of(part: Array, V: Array, Y: Array) -> tuple[Array, float]:
    """`(b, 1)` slopes at the outputs that floats find, and a bound of the error of each."""
    return LOSS.slopes(fp.require_finite((part @ V)[:, None], "outputs"), Y)
