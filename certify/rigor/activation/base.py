"""What every activation promises: values and derivatives with proved errors, and where it has kinks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.activation import elementary
from certify.rigor.fp import Array

PAIR_LOW = 2.0**-50
"""A pair `hi + lo` is accepted if `|lo| ≤ PAIR_LOW·|hi|` or lo is subnormal: hi then has the sign of the pair (A3)."""

_BLOCK = 1 << 14  # entries worked on at a time: their intermediate results stay in cache
_SMALLEST_NORMAL = 2.0**-1022


@dataclass(frozen=True, eq=False)
class Enclosed:
    """Numbers known up to an error each: `|truth − mid| ≤ error` elementwise.

    Attributes:
        mid: array.
        error: array of the same shape, positive.
    """

    mid: Array
    error: Array


@dataclass(frozen=True, eq=False)
class EnclosedPair:
    """Numbers in double-double known up to an error each: `|truth − (hi + lo)| ≤ error` elementwise.

    Attributes:
        hi: array.
        lo: array of the same shape, at most `PAIR_LOW·|hi|` or subnormal.
        error: array of the same shape, positive.
    """

    hi: Array
    lo: Array
    error: Array


Part = tuple[Array, Array | float]
"""Midpoints, and absolute errors (one for all, or one an entry) without underflow and without their own rounding."""

PairPart = tuple[Array, Array, Array | float]
"""The same for pairs: high parts, low parts, errors."""


class Activation(ABC):
    """A real function φ with enclosed derivatives. Subclasses are final or abstract, stateless, and override nothing.

    Attributes:
        name: the name used in specs.
        kinks: the points where φ is not differentiable; φ is C¹ elsewhere.
        bends: the points where φ is C¹ and not C²; φ is C² outside kinks and bends.
        slope_bound: upper bound of `sup|φ'|` over the line without the kinks.
        slope_floor: lower bound of `inf φ'` there; difference quotients lie between the two (`sup φ' = sup|φ'|`).
        curvature: upper bound of `sup|φ''|` where it exists: the Lipschitz constant of φ' between kinks.
        third: upper bound of `sup|φ'''|` where it exists.
    """

    __slots__ = ()

    name: ClassVar[str]
    kinks: ClassVar[tuple[float, ...]] = ()
    bends: ClassVar[tuple[float, ...]] = ()
    slope_bound: ClassVar[float]
    slope_floor: ClassVar[float]
    curvature: ClassVar[float]
    third: ClassVar[float]

    @property
    @final
    def smooth(self) -> bool:
        """Whether φ is C¹ on the whole line."""
        return not self.kinks

    @final
    def enclose(self, x: Array, order: int = 1) -> tuple[Enclosed, ...]:
        """φ and its first `order` derivatives at the floats x, each with its error (A2, A6–A11).

        Where a derivative does not exist (φ' at a kink, φ'' of elu at 0) the enclosure holds both one-sided limits;
        no entry within 2^-900 of such a point is told apart from it.

        Args:
            x: array of finite float64, any shape.
            order: 0, 1 or 2.

        Returns:
            `order + 1` enclosures of the shape of x.

        Raises:
            EnclosureError: if x is not finite, not float64, or a value overflows.
        """
        if order not in (0, 1, 2):
            raise EnclosureError(f"{self.name}.enclose", f"order {order!r}", "ask for order 0, 1 or 2")
        x = _checked(x, self.name)
        flat = x.ravel()
        # arrays of their own: a view of a common one would keep all of it alive
        out = [(np.empty(flat.size), np.empty(flat.size)) for _ in range(order + 1)]
        for start in range(0, flat.size, _BLOCK):
            block = slice(start, start + _BLOCK)
            for row, (mid, error) in zip(out, self._evaluate(flat[block], order)[: order + 1], strict=True):
                row[0][block] = mid
                row[1][block] = _outward(error)
        return tuple(
            Enclosed(*(fp.require_finite(part, self.name).reshape(x.shape) for part in row)) for row in out
        )

    @final
    def enclose_extended(self, hi: Array, lo: Array | None = None) -> tuple[EnclosedPair, EnclosedPair]:
        """φ and φ' at `hi + lo` in double-double; errors about `2^-100·(1 + |φ|)`, `2^-100·(1 + |φ'|)` (A3).

        Where φ' does not exist the enclosure holds both one-sided slopes.

        Args:
            hi: array of finite float64.
            lo: array that broadcasts to the shape of hi, at most `PAIR_LOW·|hi|` or subnormal; None for 0.

        Returns:
            Enclosed values and slopes, of the shape of hi.

        Raises:
            EnclosureError: if the input is not such a pair, or a value cannot be enclosed.
        """
        hi = _checked(hi, self.name)
        low = np.zeros_like(hi) if lo is None else np.broadcast_to(_checked(lo, self.name), hi.shape)
        if not (np.abs(low) <= np.maximum(PAIR_LOW * np.abs(hi), _SMALLEST_NORMAL)).all():
            raise EnclosureError(self.name, "a low part too large for its high part", "renormalise the pair")
        value, slope = (
            EnclosedPair(*(np.broadcast_to(p, hi.shape) for p in (first, second, _outward(error))))
            for first, second, error in self._extended(hi, low)
        )
        for part in (value, slope):
            for numbers in (part.hi, part.lo, part.error):
                fp.require_finite(numbers, self.name)
        return value, slope

    @final
    def kink_distance(self, x: Array) -> Array:
        """Lower bounds of the distance from x to the nearest kink; infinite for smooth activations.

        They hold for a pair `x + lo` as in :meth:`enclose_extended` too. Distances up to 2^-900 count as 0.
        """
        return _distance(_checked(x, self.name), self.kinks)

    @final
    def kink(self, x: Array, radius: Array) -> NDArray[np.bool_]:
        """Mask of the units not proved away from every kink: True unless `[x − radius, x + radius]` misses all.

        Args:
            x: array of finite float64, the midpoints (or leading parts of pairs).
            radius: array that broadcasts with x; a NaN counts as unknown, hence True.

        Returns:
            Boolean array; all False for smooth activations.
        """
        distance = self.kink_distance(x)
        return np.asarray(np.isfinite(distance) & ~(distance > radius))

    @final
    def bend(self, x: Array, radius: Array) -> NDArray[np.bool_]:
        """Mask of the units where φ may not be C²: True unless `[x − radius, x + radius]` misses all kinks and bends.

        Args:
            x: array of finite float64, the midpoints (or leading parts of pairs).
            radius: array that broadcasts with x; a NaN counts as unknown, hence True.

        Returns:
            Boolean array; all False for activations that are C².
        """
        distance = _distance(_checked(x, self.name), self.kinks + self.bends)
        return np.asarray(np.isfinite(distance) & ~(distance > radius))

    @abstractmethod
    def _evaluate(self, x: Array, order: int) -> Sequence[Part]:
        """At least `order + 1` parts φ, φ', φ'' at a finite one-dimensional x."""

    @abstractmethod
    def _extended(self, hi: Array, lo: Array) -> tuple[PairPart, PairPart]:
        """φ and φ' at finite pairs of one shape."""


def _distance(x: Array, points: tuple[float, ...]) -> Array:
    """Lower bounds of the distance from x, or from a pair `x + lo`, to the nearest of the points (A12)."""
    distance = np.full(x.shape, np.inf)
    for k in points:
        gap = (np.abs(x - k) - 2.0 * PAIR_LOW * abs(k)) / fp.RAISE - elementary.UNDERFLOW
        distance = np.minimum(distance, np.maximum(gap, 0.0))
    return distance


def right_left(x: Array, right: Array | float, left: Array | float) -> Array:
    """`right` where x > 0, `left` elsewhere."""
    return np.where(x > 0, right, left)


def jump(x: Array, right: Array | float, left: Array | float, error: Array | float) -> Part:
    """A part with a jump at 0: where x is not told apart from 0, the enclosure holds both sides.

    Args:
        x: the points.
        right: values for x > 0.
        left: values for x < 0.
        error: error away from 0.
    """
    mid = right_left(x, right, left)
    near = np.abs(x) <= elementary.UNDERFLOW  # flush-to-zero may read a subnormal as 0
    if not near.any():
        return mid, error
    low, high = (np.broadcast_to(side, x.shape)[near] for side in (left, right))
    errors = np.broadcast_to(error, x.shape).copy()
    mid[near] = 0.5 * (low + high)
    errors[near] += 0.5 * np.abs(high - low) + 2.0 * fp.U * (np.abs(low) + np.abs(high))
    return mid, errors


def _outward(error: Array | float) -> Array | float:
    """The error, with the rounding of its own formula (R1) and with underflow (A0)."""
    return error * fp.RAISE + elementary.UNDERFLOW


def _checked(x: Array, name: str) -> Array:
    x = np.asarray(x)
    if x.dtype != np.float64:
        raise EnclosureError(name, f"an array of {x.dtype}", "convert it exactly to float64 first")
    return fp.require_finite(x, name)
