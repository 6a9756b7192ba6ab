"""Rounding errors of straight-line code, proved by running the code itself on balls that carry them (A0).

A :class:`Running` number is a ball `value` around the exact value of an expression for every input of a small
interval, and a bound `error` of what the machine's value differs from it. `+ − × ÷` follow the rules of
proofs/activations.md, A0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flint import arb, arb_series, ctx

U = arb(2) ** -53
Series = Callable[[Any], Any]


def unit_in_first_place(bound: arb) -> arb:
    """Greatest power of two ≤ an exact positive bound (0 for 0)."""
    if bound == 0:
        return arb(0)
    mantissa, exponent = bound.man_exp()
    return arb(2) ** (int(exponent) + int(mantissa).bit_length() - 1)


@dataclass(frozen=True)
class Running:
    """See the module. Floats take part as exact constants."""

    value: arb
    error: arb

    @staticmethod
    def of(x: Running | float) -> Running:
        return x if isinstance(x, Running) else Running(arb(x), arb(0))

    @staticmethod
    def rounded(value: arb, inherited: arb) -> Running:
        inherited = inherited.abs_upper()
        size = (value.abs_upper() + inherited).abs_upper()
        return Running(value, (inherited + U * unit_in_first_place(size)).abs_upper())

    def __add__(self, other: Running | float) -> Running:
        b = Running.of(other)
        return Running.rounded(self.value + b.value, self.error + b.error)

    def __sub__(self, other: Running | float) -> Running:
        b = Running.of(other)
        return Running.rounded(self.value - b.value, self.error + b.error)

    def __mul__(self, other: Running | float) -> Running:
        b = Running.of(other)
        inherited = abs(self.value) * b.error + abs(b.value) * self.error + self.error * b.error
        if b.error == 0 and b.value.is_exact() and unit_in_first_place(b.value.abs_upper()) == abs(b.value):
            return Running(self.value * b.value, inherited.abs_upper())  # a power of two
        return Running.rounded(self.value * b.value, inherited)

    def __truediv__(self, other: Running | float) -> Running:
        b = Running.of(other)
        q = self.value / b.value
        return Running.rounded(q, (self.error + abs(q) * b.error) / (b.value.abs_lower() - b.error))

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: float) -> Running:
        return Running.of(other) - self

    def __rtruediv__(self, other: float) -> Running:
        return Running.of(other) / self

    def units(self) -> arb:
        """The error in units of u."""
        return self.error / U


def pieces(low: float | arb, high: float | arb, count: int) -> Iterator[arb]:
    """Balls that cover [low, high]."""
    low, width = arb(low), (arb(high) - low) / count
    for i in range(count):
        yield (low + i * width).union(low + (i + 1) * width)


def largest(values: Iterator[arb]) -> arb:
    """An upper bound of the largest value."""
    result = arb(0)
    for v in values:
        result = result.max(v.abs_upper())
    return result.abs_upper()


def series_of(x: arb, length: int) -> arb_series:
    """`x + s` as a power series in s."""
    ctx.cap = length
    return arb_series([x, 1])


def difference(f: Series, g: Series, piece: arb, order: int = 24) -> arb:
    """Upper bound of `|f − g|` on a piece: Taylor's theorem at its centre, Lagrange's remainder over the piece."""
    old = ctx.cap
    try:
        at = series_of(piece.mid(), order)
        around = series_of(piece, order + 1)
        coefficients = (f(at) - g(at)).coeffs()
        last = (f(around) - g(around))[order]
    finally:
        ctx.cap = old
    radius = piece.rad()
    total = abs(last) * radius**order
    for k, c in enumerate(coefficients):
        total += abs(c) * radius**k
    return total.abs_upper()
