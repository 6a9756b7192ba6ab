"""D30: what three steps do to slopes together, beyond what two and one of them do, row by row as it is.

Bounds by products of what each step does grow with exponentials of moves, and differences of slopes do not. Rows count
as if their margins were positive: `p(t) = 1 − p(−t)`. proofs/heads-deleted-triples.md.
"""

from __future__ import annotations

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.rigor.single.floats import LEAST, UNIT, Short
from certify.systems.head.rows.boxes.slabs import Rows
from certify.theorems.head.rows.deleted_triples.bends import Bends
from certify.theorems.head.rows.deleted_triples.numbers import Numbers
from certify.theorems.head.rows.method import Mask

DEEP, WIDE = 44.0, 14.0
"""Margins, and moves of them, up to which single precision holds exponentials of sums."""

OFF = 24.0 * UNIT
"""What slopes and their sums lose, as a part of each."""

LITTLE = 0.02
"""What rows may add that are not looked at one by one."""

AT_ONCE = 1 << 16
"""Slopes at a time."""


class Thirds:
    """Third differences of slopes by triples of steps."""

    def __init__(self, x: Numbers) -> None:
        a, st = x.metric, x.metric.st
        t, kept, f = st.c.at.t, st.c.kept, x.f
        deep = (np.abs(t) > DEEP) | ~(a.m > 2.0**-120)
        self.rows = np.flatnonzero((kept > 0.0) & ~deep)
        rest = np.flatnonzero((kept > 0.0) & deep)
        self.rest = x.light[rest], x.heavy[rest], np.ascontiguousarray(x.moved[rest].T)
        turned = (t[self.rows] < 0.0)[:, None]
        z, E = st.z[self.rows, None], st.E[self.rows]
        Y = np.where(turned, 1.0 / E, E)
        own = np.full(len(t), -1)
        own[self.rows] = np.arange(len(self.rows))
        mine = own[st.rows]
        Y[mine[mine >= 0], np.flatnonzero(mine >= 0)] = 1.0  # a row that is out has no slope
        self.able: Mask = np.asarray((np.abs(np.log(Y)) < WIDE).all(axis=0))
        self.z: Short = np.where(turned, 1.0 / z, z)[:, 0].astype(np.float32)
        self.Y: Short = np.ascontiguousarray(np.where(self.able, Y, 1.0).T, np.float32)
        self.root: Short = (1.0 / np.sqrt(a.m[self.rows])).astype(np.float32)
        self.off = 8.0 * (OFF + st.blur) * RAISE
        self.moved = np.ascontiguousarray(x.moved[self.rows, :f].T)
        self.most = self.moved.max(axis=0, initial=0.0)
        self.weight = x.light[self.rows]
        self.bends = Bends(a)
        self.over = np.maximum(self.Y.max(axis=0, initial=1.0), np.float32(1.0))

    def far(self, i: int, l: int) -> float:
        """The same of the steps i and l with any far row, whose moves are bounded."""
        far = self.bends
        return far.length(far.moved * (np.abs(far.at(i, l) - far.at(i) - far.at(l) + far.D)
                                       + far.grown * (far.at(i, l) + far.at(i) + far.at(l) + far.D)))

    def first(self, i: int) -> First:
        """All choices with the step i."""
        return First(self, i)


class First:
    """Choices with one step, in the rows where it may count; what it does to others by products."""

    def __init__(self, all_: Thirds, i: int) -> None:
        self.all, self.i = all_, i
        share = (all_.moved[i] * all_.most * all_.most) ** 2 * all_.weight
        over = _slopes(all_.z * np.maximum(all_.Y[i], np.float32(1.0)) * all_.over * all_.over) * all_.root
        share = np.minimum(share, (4.0 * (1.0 + 64.0 * UNIT + 4.0 * all_.off) * over.astype(np.float64)) ** 2)
        order = np.argsort(share)
        many = int(np.searchsorted(np.cumsum(share[order]), LITTLE * LITTLE))
        self.beside = float(np.sqrt(share[order[:many]].sum() * fp.sum_up(len(share)))) * RAISE
        some = np.sort(order[many:])
        self.z, self.root = all_.z[some], all_.root[some]
        self.Y = np.take(all_.Y, some, axis=1)
        self.one = self.Y[i]
        self.P = _slopes(self.Y * self.z)
        self.mine = _slopes(self.Y * (self.z * self.one))
        self.mine -= self.P
        self.P0 = _slopes(self.z.copy())
        self.most = np.maximum(self.Y.max(axis=0, initial=1.0), np.float32(1.0))

    def of(self, l: int, q: Rows) -> Array:
        """Upper bounds of the lengths with the step l and each of some others; infinite where not known."""
        able, i = self.all.able, self.i
        if not (able[i] and able[l]):
            return np.full(len(q), np.inf)
        two = self.Y[l]
        b = self.z * two
        c = b * self.one
        base = self.P[i] + self.P[l]
        base -= _slopes(c.copy())
        base -= self.P0
        over = np.maximum(self.one, np.float32(1.0)) * np.maximum(two, np.float32(1.0)) * self.most * self.z
        error = float(np.linalg.norm((_slopes(over) * self.root).astype(np.float64))) * self.all.off * (1.0 + 2.0**-10)
        found, n = np.empty(len(q)), len(self.z)
        step = max(1, AT_ONCE // max(n, 1))
        for at in range(0, len(q), step):
            some = q[at : at + step]
            X = self.Y[some]
            D = _slopes(X * c)
            X *= b
            D -= _slopes(X)
            D -= self.mine[some]
            D += base
            D *= self.root
            found[at : at + step] = np.einsum("bn,bn->b", D, D)
        found = np.sqrt(found * (1.0 + 2.0 * (n + 16) * UNIT) + n * LEAST) + error + self.beside
        found = np.where(able[q] & np.isfinite(found), found, np.inf)
        return np.asarray((found + self._rest(l, q)) * RAISE)

    def _rest(self, l: int, q: Rows) -> Array:
        """The part of rows that single precision does not hold."""
        light, heavy, moved = self.all.rest
        both = moved[self.i] * moved[l]
        far = moved[q]
        up = fp.sum_up(len(both))
        return np.asarray(np.sqrt((far * far) @ (light * both * both) * up) * RAISE + far @ (heavy * both) * up)


def _slopes(y: Short) -> Short:
    """`y/(1 + y)`, in the place of y."""
    other = y + np.float32(1.0)
    np.divide(y, other, out=y)
    return y
