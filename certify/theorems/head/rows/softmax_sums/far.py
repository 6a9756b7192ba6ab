"""D25: the choices of three rows whose distance is not below a number; of all others that is known at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.softmax_sums.table import AROUND, Table

UP = 1.0 + 2.0**-30
"""Factor on sums that a distance is made of."""

SAMPLE, PART, MOST = 30_000, 1 << 16, 1_000_000
"""Choices that are drawn to see how many are far, those that are judged before the clock is looked at, and the most
that are listed."""

AT_ONCE, CELLS = 1024, 1 << 20
"""Choices whose rows are gone over at a time, and sums of three that are looked at together."""

LEVELS = 2.0 ** (np.arange(-8, 5) / 2.0)
"""Distances that are tried, in units of what an evaluation row bears in the first matrix."""


@dataclass(frozen=True, eq=False)
class Tables:
    """Tables of several matrices, with the lengths of evaluation rows in each.

    Attributes:
        each: the tables.
        cubed: `(f + 1, n)` what three steps add in every row, a factor for each of them.
        scale: `(M,)` about the lengths of evaluation rows in each matrix, in those of the first.
        lengths: `(L, k − 1)` at least the lengths, in each matrix divided by its scale.
        sharp: numbers of the tables that know most of choices that take much of a matrix.
    """

    each: tuple[Table, ...]
    cubed: Array
    scale: Array
    lengths: Array
    sharp: tuple[int, ...] = (0,)

    def far(self, T: Whole, sharp: bool = False) -> Array:
        """`(B,)` at least the least distance times the scale of its matrix.

        Args:
            T: `(B, 3)` choices.
            sharp: whether what three steps add is summed over the rows for each choice, which takes longer.
        """
        found = np.full(len(T), np.inf)
        for start in range(0, len(T), AT_ONCE if sharp else max(len(T), 1)):
            some = slice(start, start + AT_ONCE if sharp else None)
            beyond = self._beyond(T[some]) if sharp else [None] * len(self.each)
            for one, scale, three in zip(self.each, self.scale, beyond, strict=True):
                found[some] = np.fmin(found[some], one.distances(T[some], three) * scale * RAISE)
        return found

    def _beyond(self, T: Whole) -> Array:
        """`(M, B)` at least what three steps add in each matrix: rows of T are none that stay."""
        each = self.cubed[T[:, 0]]
        for column in T.T[1:]:
            each *= self.cubed[column]
        each *= each
        found = np.sqrt(each @ np.array([one.weight for one in self.each]).T * fp.sum_up(each.shape[1])) * RAISE
        return np.where(found >= 0.0, found, np.inf).T


@dataclass(frozen=True, eq=False)
class Far:
    """Choices, those that are farthest first.

    Attributes:
        T: `(B, 3)` numbers of steps, falling from no row on.
        r: `(B,)` at least their distances.
        least: all other choices have a lesser one.
    """

    T: Whole
    r: Array
    least: float


def far_choices(tables: Tables, check: Callable[[], None], most: float = MOST, seed: int = 0) -> Far | None:
    """The choices of up to three rows that are far; None where there are too many whatever that means.

    Args:
        tables: of some matrices.
        check: raises when the time is up.
        most: about how many there may be.
        seed: of those that are drawn to see how many there are.
    """
    f = len(tables.each[0].single) - 1
    drawn = np.random.default_rng(seed).integers(0, f, (SAMPLE, 3))
    drawn = drawn[(drawn[:, 0] != drawn[:, 1]) & (drawn[:, 0] != drawn[:, 2]) & (drawn[:, 1] != drawn[:, 2])]
    all_, about = f * (f - 1.0) * (f - 2.0) / 6.0, tables.far(drawn, sharp=True)
    for least in LEVELS:
        if (about >= least).mean() * all_ > most if len(drawn) else False:
            continue
        if (found := listed_far(tables, float(least), check)) is not None:
            return found
    return None


def listed_far(tables: Tables, least: float, check: Callable[[], None]) -> Far | None:
    """Those whose distance is not below a number; None where there are too many."""
    best = min(range(len(tables.each)), key=lambda x: _weight(tables, x, least))
    if not np.isfinite(_weight(tables, best, least)):
        return None
    t, a = tables.each[best], least / float(tables.scale[best])
    number = next(at for at, around in enumerate(AROUND) if around > a * UP)
    room = a * float(t.theta[number])
    own = t.single + room * t.lost[number]
    need = room * (1.0 - float(t.few[number])) / UP
    order = np.argsort(-(own + t.pair.max(axis=1)), kind="stable")
    order = np.append(order[order < len(own) - 1], len(own) - 1)  # no row comes last
    own, pair, third = own[order], t.pair[np.ix_(order, order)], t.third[order]
    kept, far, count = list[Whole](), list[Array](), 0
    for T in (order[some] for i in range(len(own)) for some in _beside(i, own, pair, third, need, check)):
        check()
        T = T[~(tables.far(T) < least)]
        r = tables.far(T, sharp=True)
        some = ~(r < least)
        kept.append(T[some])
        far.append(r[some])
        count += int(some.sum())
        if count > MOST:
            return None
    T = np.concatenate([np.zeros((0, 3), np.int64), *kept])
    r = np.concatenate([np.zeros(0), *far])
    first = np.argsort(-r, kind="stable")
    return Far(T[first], r[first], least)


def _weight(tables: Tables, x: int, least: float) -> float:
    """About how many choices one table leaves, by the rows that count most; infinite where it says nothing."""
    t, a = tables.each[x], least / float(tables.scale[x])
    number = next((at for at, around in enumerate(AROUND) if around > a * UP), -1)
    if number < 0 or not a > 0.0:
        return float("inf")
    each = (t.single + t.pair.mean(axis=1)) / (a * float(t.theta[number])) + t.lost[number]
    return float(np.quantile(each, 0.9) / max(1.0 - float(t.few[number]), 2.0**-20))


def _beside(i: int, own: Array, pair: Array, third: Array, need: float, check: Callable[[], None]) -> Iterator[Whole]:
    """`(B, 3)` those with a row and later ones whose sum is not below what is needed; the last number is no row."""
    check()
    last = len(own) - 1
    v, n = own + pair[i], third[i] * third
    later = np.arange(i + 1, last + 1) if i < last else np.array([last])
    most = v[later].max()
    with np.errstate(invalid="ignore"):
        high = own[i] + v[later] + most + pair[later].max(axis=1) + n[later] * third[later].max()
        later = later[~(high < need)]
    size = max(1, CELLS // max(len(later), 1))
    for some in (later[start : start + size] for start in range(0, len(later), size)):
        check()
        with np.errstate(invalid="ignore"):
            sums = own[i] + v[some][:, None] + v[later] + pair[np.ix_(some, later)] + n[some][:, None] * third[later]
        one, two = np.nonzero(~(sums < need))
        l, q = some[one], later[two]
        right = np.flatnonzero((l < q) | ((l == last) & (q == last)))
        for part in (right[at : at + PART] for at in range(0, len(right), PART)):
            yield np.stack([np.full(len(part), i), l[part], q[part]], axis=1)
