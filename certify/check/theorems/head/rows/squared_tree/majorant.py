"""Bounds of the hat matrix, kept sparsely, in integers: the largest entries of each row and a bar above all others.

Where there are many rows the entries of some columns alone are formed; `|K_il| ≤ √K_ii√K_ll` bounds those of others.

With X near `H⁻¹`, `‖XH − I‖ ≤ ε`, an entry `φ_iᵀH⁻¹φ_l` differs from `φ̂_iᵀXφ̂_l` by at most `ε‖H⁻¹‖|φ_i||φ_l|` and
what features and rounding leave out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import nlargest
from math import isqrt
from operator import itemgetter, mul

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.fixed import scale
from certify.check.linalg.large.products import bands
from certify.check.theorems.head.rows.squared.node import BITS, above
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Ridge
from certify.check.theorems.head.rows.squared.root import ceiling
from certify.check.theorems.head.rows.squared_tree.leverages import Leverages

UNIT = 30
"""Bits of entries, and of the numbers that they are multiplied by."""

KEPT, FEWER, SAMPLE = 64, 16, 8
"""About so many entries of a row are kept, fewer of some columns; every so many are looked at to find their bar."""

Getter = Callable[[list[int]], tuple[int, ...]]


@dataclass(frozen=True)
class Majorant:
    """Bounds of `|K_il|`, l ≠ i, in units of `2^−UNIT`: for each row some entries, and a bar for all others.

    Attributes:
        getters, values: which entries, and their bounds.
        bars: of the other entries in columns that were formed.
        formed: which these are, and `apart` the other ones.
        roots: at least `√K_ii`.
    """

    getters: list[Getter | None]
    values: list[tuple[int, ...]]
    bars: list[int]
    formed: list[int]
    apart: list[int]
    roots: list[int]

    def sums(self, v: list[int], s: int, rows: Sequence[int]) -> list[int]:
        """At least the sum of the s largest `|K_il|v_l` for each of some rows i, times `2^UNIT`."""
        if s <= 0:
            return [0] * len(rows)
        most = nlargest(s, [v[l] for l in self.formed])
        far = nlargest(s, map(mul, [self.roots[l] for l in self.apart], [v[l] for l in self.apart]))
        found = []
        if s == 1:
            here, away = most[0] if most else 0, far[0] if far else -1
            for i in rows:
                get, largest = self.getters[i], self.bars[i] * here
                if away >= 0:
                    largest = max(largest, (self.roots[i] * away >> UNIT) + 1)
                found.append(largest if get is None else max(largest, *map(mul, self.values[i], get(v))))
            return found
        for i in rows:
            get, values, bar, root = self.getters[i], self.values[i], self.bars[i], self.roots[i]
            products = list(map(mul, values, get(v))) if get is not None else []
            products += [bar * x for x in most]
            if far:
                products += [(root * x >> UNIT) + 1 for x in far]
            products.sort(reverse=True)
            found.append(sum(products[:s]))
        return found


def majorant(system: Ridge, rows: Sequence[int], found: Leverages, formed: list[int]) -> Majorant:
    """That of some rows of the system's features.

    Args:
        system, rows: the normal matrix, and the rows that may go.
        found: their leverages.
        formed: the columns that are formed.
    """
    n, p, phi = len(rows), system.p, system.phi.mid
    fine, bits, far = found.fine, found.bits, found.far
    across = fmpz_mat(len(formed), p, [phi[rows[l], a] >> (FEATURE_BITS - fine)
                                       for l in formed for a in range(p)]).transpose()
    roots = [(isqrt(max(x + found.wrong, 0) << 2 * UNIT - BITS) + 1) for x in found.d]
    each = arb(p).sqrt() * (scale(fine) * found.size * scale(bits)
                            + scale(bits) * (far + arb(p).sqrt() * scale(fine)))
    error = ceiling((each + found.margin).upper(), 56 - UNIT)
    place, inside = {l: at for at, l in enumerate(formed)}, set(formed)
    getters: list[Getter | None] = []
    values: list[tuple[int, ...]] = []
    bars: list[int] = []
    down = bits + fine - UNIT
    for band in bands(found.short, across) if formed else ():
        for start in range(0, len(band), len(formed)):
            row = band[start:start + len(formed)]
            if (own := place.get(len(bars))) is not None:
                row[own] = fmpz(0)
            bar = _bar(row, KEPT if len(formed) == n else FEWER)
            below = -bar
            at = [l for l, x in enumerate(row) if x > bar or x < below]
            getters.append(_getter([formed[l] for l in at]))
            values.append(tuple(_unit(int(abs(row[l])), down) + error for l in at))
            bars.append(_unit(int(bar), down) + error)
    return Majorant(getters, values, bars, formed, [l for l in range(n) if l not in inside],
                    roots)


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


def _bar(row: list[fmpz], kept: int) -> fmpz:
    """A number that about so many entries exceed in size."""
    if len(row) <= 2 * kept:
        return fmpz(0)
    some = sorted(map(abs, row[::SAMPLE]), reverse=True)
    return fmpz(some[min(len(some) - 1, kept // SAMPLE)])
