"""D4d in integers: the diagonal of the hat matrix, and features times the inverse in short numbers, in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed, scale
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Ridge
from certify.check.theorems.head.rows.squared.root import ceiling, units
from certify.check.theorems.head.rows.squared.spectral import LEFT, SHORT

LONG, FINE = 1 << 22, 90
"""Products up to which features and the inverse stay as they are, and features times the inverse have so many bits.

A row that alone carries a direction has a `1 − K_ii` below what short numbers err by."""

WORDS, LEAST = 126, arb(2) ** -44
"""Bits of sums of products with the inverse, two machine words, if what this cuts off changes K by no more than that.
"""

BAND = 512
"""Rows at a time."""


@dataclass(frozen=True)
class Leverages:
    """Of some rows.

    Attributes:
        d, wrong: `φᵀH⁻¹φ` in units of `2^−BITS`, and what each errs by.
        short, bits: features times X.
        size: at least the length of each of its rows, in its units.
        fine: bits of features in products with it.
        far: at least the length of a row, within its distance.
        margin: what `φᵀH⁻¹ψ` and `φ̂ᵀXψ̂` may differ by, for the X that is used.
    """

    d: list[int]
    wrong: int
    short: fmpz_mat
    bits: int
    size: arb
    fine: int
    far: arb
    margin: arb


def margin(system: Ridge, far: arb) -> arb:
    """What `φᵀH⁻¹ψ` and `φ̂ᵀXψ̂` may differ by for two of the system's rows, `|φ|, |ψ| ≤ far`, known within its distance.

    `|H⁻¹ψ|² ≤ ‖H⁻¹‖·ψᵀH⁻¹ψ ≤ ‖H⁻¹‖` as `ψψᵀ ⪯ H`, and `|H⁻¹ψ| ≤ ‖H⁻¹‖|ψ|`. With `X = H⁻¹ + (XH − I)H⁻¹` it is
    `φᵀ(X − H⁻¹)ψ = φᵀ(XH − I)H⁻¹ψ`, `|Xψ| ≤ (1 + ε)|H⁻¹ψ|`, and `φ̂ᵀX(ψ − ψ̂)` by `|H⁻¹φ̂| ≤ |H⁻¹φ| + ‖H⁻¹‖|φ − φ̂|`.
    """
    error, loose, most = system.inverse.error, system.loose, system.stretch**2
    image = (system.stretch * far).min(arb(1)) * system.stretch
    seen = (2 + error) * image + most * (loose + error * (far + loose))
    return (error * far * image + loose * seen).upper()


def leverages(system: Ridge, rows: Sequence[int]) -> Leverages:
    """Those of some of the system's rows."""
    n, p, flat = len(rows), system.p, system.phi.mid.tolist()
    longest = max((sum([x * x for x in flat[i]], fmpz(0)) for i in rows), default=fmpz(0))
    far = (arb(longest).sqrt() * scale(FEATURE_BITS) + system.loose).upper()
    small = n * n * p <= LONG
    X, off = _cut(system, ZERO if small else far)
    fine, most = (FEATURE_BITS, FINE) if small else (SHORT, LEFT)
    drop, size = -1, fmpz(0)
    d: list[int] = []
    shorts: list[fmpz] = []
    for start in range(0, n, BAND):
        part = [flat[i] for i in rows[start:start + BAND]]
        image = (fmpz_mat(part) * X.mid).tolist()
        if drop < 0:  # a later row may be longer, and its numbers with it
            drop = max(0, max(x.bit_length() for row in image for x in row) - most)
        for left, row in zip(image, part, strict=True):
            d.append(units(sum([x * y for x, y in zip(left, row, strict=True)], fmpz(0)), 2 * FEATURE_BITS + X.bits))
            short = [x >> drop for x in left]
            size = max(size, sum([x * x for x in short], fmpz(0)))
            shorts += short
    wide = margin(system, far) + off
    return Leverages(d, ceiling(wide.upper(), 0) + 1, fmpz_mat(n, p, shorts), FEATURE_BITS + X.bits - drop,
                     arb(size).sqrt(), fine, far, wide.upper())


def _cut(system: Ridge, far: arb) -> tuple[Fixed, arb]:
    """The inverse with fewer bits, and what entries of the hat matrix of rows of length `far` change by.

    Entries of X lose less than a unit, so that `|φ̂ᵀ(X − X')ψ̂| ≤ p·unit·far²`. Not cut if `far` is 0.
    """
    X = system.inverse.X
    assert X is not None
    longest = max((x.bit_length() for x in X.mid.entries()), default=0)
    drop = longest - (WORDS - FEATURE_BITS - system.p.bit_length())
    off = (system.p * scale(X.bits - drop) * far**2).upper()
    if drop <= 0 or not off <= LEAST or far.is_zero():
        return X, ZERO
    return X.at(X.bits - drop), off
