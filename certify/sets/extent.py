"""An enclosure of a distance: two ends rounded outward, infinity included, and how it is known."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from certify.format.words import Rigour
from certify.rigor import fp
from certify.sets.exact.rational import Vector

SHORT = 24
"""Characters of a rational number above which its root is shown by its ends."""


@dataclass(frozen=True)
class Extent:
    """A number in `[0, ∞]`, enclosed.

    Attributes:
        lower, upper: ends, rounded outward; `math.inf` where it is infinite, or where no finite bound was found.
        square: the exact square, where it is a rational number that is known.
        nearest: a point at which a distance is attained, where it is known exactly.
        reason: why the ends differ, or why they are infinite; else empty.
        rigour: how it is known.
    """

    lower: float
    upper: float
    square: Fraction | None = None
    nearest: Vector | None = None
    reason: str = ""
    rigour: Rigour = Rigour.PROVED

    def __repr__(self) -> str:
        return f"Extent({self})"

    def __str__(self) -> str:
        """For a reader: the number where it is known exactly and short, else both ends, and how they are known.

        >>> str(root(Fraction(9, 4))), str(root(Fraction(2))), str(infinite("a ray runs away"))
        ('1.5, proved', '√2 ≈ 1.4142135623730951, proved', '∞, proved (a ray runs away)')
        """
        ends = f"[{self.lower!r}, {self.upper!r}]"
        if self.lower == self.upper:
            ends = "∞" if self.lower == math.inf else f"{self.lower:.17g}"
        elif self.square is not None and len(str(self.square)) <= SHORT:
            inside = str(self.square) if self.square.denominator == 1 else f"({self.square})"
            ends = f"√{inside} ≈ {math.sqrt(self.square)!r}"
        return f"{ends}, {self.rigour}" + (f" ({self.reason})" if self.reason else "")

    @property
    def width(self) -> float:
        """`upper − lower`; 0 where both are infinite."""
        return 0.0 if self.lower == self.upper else self.upper - self.lower

    def __contains__(self, value: float | Fraction) -> bool:
        return self.lower <= value <= self.upper


def root(square: Fraction, nearest: Vector | None = None) -> Extent:
    """`√square`, a rational number.

    >>> root(Fraction(9, 4)).lower, root(Fraction(2)).width < 1e-15
    (1.5, True)
    """
    low, high = roots(square)
    return Extent(max(fp.down(low), 0.0), fp.up(high), square, nearest)


def roots(square: Fraction) -> tuple[Fraction, Fraction]:
    """Rationals around `√square`, equal where the root is rational."""
    over, under = math.isqrt(square.numerator), math.isqrt(square.denominator)
    if over * over == square.numerator and under * under == square.denominator:
        return (Fraction(over, under),) * 2
    return fp.sqrt_down(square), fp.sqrt_up(square)


def infinite(reason: str) -> Extent:
    """`∞`."""
    return Extent(math.inf, math.inf, reason=reason)


def between(lower: Fraction, upper: Fraction, reason: str = "", nearest: Vector | None = None) -> Extent:
    """An enclosure by rationals, cut at 0."""
    return Extent(max(fp.down(max(lower, Fraction(0))), 0.0), max(fp.up(max(upper, Fraction(0))), 0.0),
                  nearest=nearest, reason=reason)


def _order(extent: Extent) -> tuple[float, Fraction]:
    return (extent.upper, extent.square or Fraction(0))


def largest(extents: Iterable[Extent]) -> Extent:
    """The maximum of enclosed numbers; 0 of none."""
    found = list(extents)
    if not found:
        return root(Fraction(0))
    top = max(found, key=_order)
    lower = max(e.lower for e in found)
    if top.square is not None and all(e.square is not None for e in found):
        return max(found, key=lambda e: e.square or Fraction(0))
    if lower == math.inf:
        return next(e for e in found if e.lower == math.inf)
    if top.lower == lower and all(e is top or e.upper < top.lower for e in found):
        return top
    return Extent(lower, top.upper, reason=top.reason, rigour=_weakest(found))


def smallest(extents: Iterable[Extent]) -> Extent:
    """The minimum of enclosed numbers, at least one of them."""
    found = list(extents)
    if all(e.square is not None for e in found):
        return min(found, key=lambda e: e.square or Fraction(0))
    best = min(found, key=_order)
    lower = min(e.lower for e in found)
    if best.lower == lower and all(e is best or e.lower > best.upper for e in found):
        return best
    return Extent(lower, best.upper, reason=best.reason, rigour=_weakest(found))


def _weakest(extents: Iterable[Extent]) -> Rigour:
    order = list(Rigour)
    return max((e.rigour for e in extents), key=order.index)
