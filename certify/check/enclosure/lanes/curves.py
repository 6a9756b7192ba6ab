"""Values and slopes of gelu at many numbers, in whole numbers: a Taylor polynomial for each cell of `2^-CELLS`.

With φ the density of the standard normal law, `gelu' = Φ − φ'` and `gelu^(k+1) = φ^(k−1) − φ^(k+1)` for k ≥ 1. As φ is
the Fourier transform of `e^{−ξ²/2}/2π`, `|φ^(k)| ≤ ∫|ξ|^k e^{−ξ²/2}dξ/2π`: less than 2.547 and 15.28 for k = 5 and 7.
So `|gelu^(7)| < 17.83`. Within `2^-9` of the middle of a cell a Taylor polynomial of degree 6 is therefore off by less
than `17.83/7!·2^-63 < 2^-71` from gelu, and its derivative by less than `17.83/6!·2^-54 < 0.025·2^-54` from the slope.
"""

from __future__ import annotations

from math import factorial
from operator import sub

from flint import arb, ctx

from certify.check.enclosure.lanes.lanes import Open
from certify.check.linalg.fixed import scale

CELLS, DEGREE, MOST, DEAR = 8, 6, 1 << 15, 4
"""A cell has the width `2^-CELLS`; the degree of polynomials; cells of which there are tables at most; and numbers for
which balls take no longer than the table of one cell."""

PLACE, LONGEST, SLOPE, FINE = 63, 70, 62, 80
"""Bits of a place in half a cell; those after the point of values at most, of slopes, and of coefficients at first."""

OFF = 14, 18
"""Units of the last place by which a value and a slope are off at most.

With `τ = 2^9·t` in [−1, 1] a value is `c_0 + τ(c_1 + … τc_6)`, a slope `2^9(c_1 + τ(2c_2 + … 6τ^4·c_6))`. Each product
loses less than 1. A coefficient of a value loses less than `1 + (1 + CLOSE)·2^{LONGEST − FINE} < 1.001`, what it lost
at first included, and `k2^9·c_k` of a slope less than `1 + k(1 + CLOSE)·2^{SLOPE + 9 − FINE} < 1.012`. It is less
than `6 + 7.01 + 2^{LONGEST − 71}` for values, and `5 + 6.1 + 0.025·2^{SLOPE − 54}` for slopes.
"""

PRECISION = 128
"""Bits of the balls of coefficients."""

CLOSE = arb(2) ** -20
"""How well a coefficient is known, in units of its last place."""

DIVISORS = tuple(arb(factorial(k)) * scale(FINE - (CELLS + 1) * k) for k in range(DEGREE + 1))
"""What derivatives are divided by; exact."""

Pair = tuple[tuple[int, ...], tuple[int, ...]]


class Gelu(dict[int, Pair]):
    """The coefficients for values and for slopes, cell by cell, each made when it is first asked for.

    Args:
        zero: the number that is given to the cell above 0.
        bits: after the point of values.
        known: the polynomials of cells, counted from 0, that others have asked for; those of this one are added.
    """

    def __init__(self, zero: int, bits: int, known: dict[int, list[int]]) -> None:
        super().__init__()
        if not 0 <= bits <= LONGEST:
            raise Open
        self.zero, self.bits, self.known = zero, bits, known

    def ask(self, cells: set[int], numbers: int) -> None:
        """Raises `Open` where so many numbers lie in so many new cells that balls are faster, or in too many.

        >>> Gelu(zero=7, bits=10, known={}).ask({7, 8}, numbers=2 * DEAR)
        """
        fresh = len(cells) - sum(cell - self.zero in self.known for cell in cells)
        if fresh * DEAR > numbers or len(self.known) + fresh > MOST:
            raise Open

    def __missing__(self, cell: int) -> Pair:
        at = cell - self.zero
        if at not in self.known:
            with ctx.workprec(PRECISION):
                made = _coefficients(at)
            if made is None:
                raise Open
            self.known[at] = made
        c = self.known[at]
        value = tuple(v >> FINE - self.bits for v in c)
        self[cell] = found = (value, tuple(k * v >> FINE - SLOPE - CELLS - 1 for k, v in enumerate(c))[1:])
        return found

    def of(self, cells: list[int], places: list[int]) -> tuple[list[int], list[int]]:
        """gelu, `2^bits` times, and its slope, `2^SLOPE` times, of numbers, each within `OFF` of the truth.

        Args:
            cells: where they are.
            places: what they exceed the middle of their cell by, `2^(CELLS + 1 + PLACE)` times.

        Raises:
            Open: one lies so far out that the precision does not do.

        >>> values, slopes = Gelu(zero=7, bits=10, known={}).of([7], [-1 << PLACE])  # of 0
        >>> abs(values[0]) <= OFF[0], abs(slopes[0] - (1 << SLOPE - 1)) <= OFF[1]
        (True, True)
        """
        curves = list(map(self.__getitem__, cells))
        values = [
            a + (t * (b + (t * (c + (t * (d + (t * (e + (t * (f + (t * g >> PLACE)) >> PLACE)) >> PLACE)) >> PLACE))
                      >> PLACE)) >> PLACE)
            for t, ((a, b, c, d, e, f, g), _) in zip(places, curves, strict=True)]
        slopes = [
            a + (t * (b + (t * (c + (t * (d + (t * (e + (t * f >> PLACE)) >> PLACE)) >> PLACE)) >> PLACE)) >> PLACE)
            for t, (_, (a, b, c, d, e, f)) in zip(places, curves, strict=True)]
        return values, slopes


def _coefficients(cell: int) -> list[int] | None:
    """Of the polynomial around the middle of a cell; None where they are not well known."""
    x = arb(2 * cell + 1) * scale(CELLS + 1)
    density, normal = (-x * x / 2).exp() / (2 * arb.pi()).sqrt(), (-x / arb(2).sqrt()).erfc() / 2
    bell = [density, -x * density]  # the density's derivatives
    for k in range(1, DEGREE):
        bell.append(-x * bell[k] - k * bell[k - 1])
    derivatives = [x * normal, normal - bell[1], *map(sub, bell, bell[2:])]
    balls = [d / divisor for d, divisor in zip(derivatives, DIVISORS, strict=True)]
    whole = [ball.mid().floor().unique_fmpz() for ball in balls]
    if not all(ball.rad() < CLOSE for ball in balls) or None in whole:
        return None
    return [int(v) for v in whole if v is not None]
