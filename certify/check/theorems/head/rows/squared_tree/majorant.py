"""Bounds of the hat matrix, kept sparsely, in integers: the largest entries of each row and a bar above all others.

With X near `H⁻¹`, `‖XH − I‖ ≤ ε`, an entry `φ_iᵀH⁻¹φ_l` differs from `φ̂_iᵀXφ̂_l` by at most `ε‖H⁻¹‖|φ_i||φ_l|` and
what features and rounding leave out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import nlargest
from operator import itemgetter, mul

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.fixed import bands, scale
from certify.check.theorems.head.rows.squared.node import above
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Ridge
from certify.check.theorems.head.rows.squared.root import ceiling
from certify.check.theorems.head.rows.squared.spectral import LEFT, SHORT

UNIT = 30
"""Bits of entries, and of the numbers that they are multiplied by."""

KEPT, SAMPLE = 64, 8
"""About so many entries of a row are kept; every so many are looked at to find their bar."""

LONG, FINE = 1 << 22, 90
"""Products up to which features stay as they are, and features times the inverse have so many bits.

A row that alone carries a direction has a `1 − K_ii` below what short numbers err by."""

Getter = Callable[[list[int]], tuple[int, ...]]


@dataclass(frozen=True)
class Majorant:
    """Bounds of `|K_il|`, l ≠ i, in units of `2^−UNIT`: for each row some entries, and a bar for all others."""

    getters: list[Getter | None]
    values: list[tuple[int, ...]]
    bars: list[int]

    def sums(self, v: list[int], s: int, rows: Sequence[int]) -> list[int]:
        """At least the sum of the s largest `|K_il|v_l` for each of some rows i, times `2^UNIT`."""
        if s <= 0:
            return [0] * len(rows)
        most = nlargest(s, v)
        found = []
        for i in rows:
            get, values, bar = self.getters[i], self.values[i], self.bars[i]
            products = list(map(mul, values, get(v))) if get is not None else []
            if s == 1:
                found.append(max(max(products, default=0), bar * most[0]))
                continue
            products += [bar * x for x in most]
            products.sort(reverse=True)
            found.append(sum(products[:s]))
        return found


def margin(system: Ridge, far: arb) -> arb:
    """What `φᵀH⁻¹ψ` and `φ̂ᵀXψ̂` may differ by for two of the system's rows, `|φ|, |ψ| ≤ far`, known within its distance.

    `|H⁻¹ψ|² ≤ ‖H⁻¹‖·ψᵀH⁻¹ψ ≤ ‖H⁻¹‖` as `ψψᵀ ⪯ H`, and `|H⁻¹ψ| ≤ ‖H⁻¹‖|ψ|`. With `X = H⁻¹ + (XH − I)H⁻¹` it is
    `φᵀ(X − H⁻¹)ψ = φᵀ(XH − I)H⁻¹ψ`, `|Xψ| ≤ (1 + ε)|H⁻¹ψ|`, and `φ̂ᵀX(ψ − ψ̂)` by `|H⁻¹φ̂| ≤ |H⁻¹φ| + ‖H⁻¹‖|φ − φ̂|`.
    """
    error, loose, most = system.inverse.error, system.loose, system.stretch**2
    image = (system.stretch * far).min(arb(1)) * system.stretch
    seen = (2 + error) * image + most * (loose + error * (far + loose))
    return (error * far * image + loose * seen).upper()


def length(features: fmpz_mat) -> arb:
    """At least the largest `|φ̂_i|` of rows of `FEATURE_BITS` bits."""
    rows = features.tolist()
    return arb(max((sum(int(x) ** 2 for x in row) for row in rows), default=0)).sqrt() * scale(FEATURE_BITS)


def majorant(system: Ridge, features: fmpz_mat) -> Majorant:
    """That of some rows of the system's features."""
    X, n, p = system.inverse.X, features.nrows(), system.p
    assert X is not None
    fine, most = (FEATURE_BITS, FINE) if n * n * p <= LONG else (SHORT, LEFT)
    short = [[int(x) >> (FEATURE_BITS - fine) for x in row] for row in features.tolist()]
    product = (features * X.mid).entries()
    drop = max(0, max((x.bit_length() for x in product), default=0) - most)
    left = [x >> drop for x in product]
    bits = FEATURE_BITS + X.bits - drop
    size = arb(max((sum(int(x) ** 2 for x in left[i * p:(i + 1) * p]) for i in range(n)), default=0)).sqrt()
    far = length(features) + system.loose
    each = arb(p).sqrt() * (scale(fine) * size * scale(bits) + scale(bits) * (far + arb(p).sqrt() * scale(fine)))
    error = ceiling((each + margin(system, far)).upper(), 56 - UNIT)
    across = fmpz_mat([[fmpz(x) for x in row] for row in short]).transpose()
    getters: list[Getter | None] = []
    values: list[tuple[int, ...]] = []
    bars: list[int] = []
    down = bits + fine - UNIT
    for band in bands(fmpz_mat(n, p, left), across):
        for start in range(0, len(band), n):
            row = band[start:start + n]
            row[len(bars)] = fmpz(0)
            bar = _bar(row)
            below = -bar
            at = [l for l, x in enumerate(row) if x > bar or x < below]
            getters.append(_getter(at))
            values.append(tuple(_unit(int(abs(row[l])), down) + error for l in at))
            bars.append(_unit(int(bar), down) + error)
    return Majorant(getters, values, bars)


def _getter(at: list[int]) -> Getter | None:
    if not at:
        return None
    if len(at) == 1:
        only = at[0]
        return lambda v: (v[only],)
    return itemgetter(*at)


def _unit(x: int, down: int) -> int:
    """`x·2^−down`, rounded up."""
    return above(x, 1 << down) if down >= 0 else x << -down


def _bar(row: list[fmpz]) -> fmpz:
    """A number that about `KEPT` entries exceed in size."""
    if len(row) <= 2 * KEPT:
        return fmpz(0)
    some = sorted(map(abs, row[::SAMPLE]), reverse=True)
    return fmpz(some[min(len(some) - 1, KEPT // SAMPLE)])
