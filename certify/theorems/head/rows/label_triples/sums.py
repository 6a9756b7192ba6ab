"""D28 at sums of smaller changes: margins add up, so that exponentials of them are products, and none is computed anew.

Of two labels weights are `V_a + V_b − V_0`, of three `V_ab + V_ac + V_bc − V_a − V_b − V_c + V_0`, as real numbers.
Nothing is assumed of any of these but that they are finite. proofs/heads-label-triples.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array
from certify.rigor.single.floats import LEAST, UNIT, Short
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.label_triples.matrix import FINE
from certify.theorems.head.rows.label_triples.single import At, Left, Single, Wanted, opened, slopes

PART, BEYOND = 2.0**-20, 2.0**-28
"""What slopes at sums are off by, as a part of them and beside it."""

LARGEST, MOVED, BENT = 85.0, 55.0, 10.0
"""Margins beyond the first count as much; what is added to them may be as large as the other two, together."""

AT_ONCE = 1 << 17
"""Entries of slopes at a time."""


@dataclass(frozen=True, eq=False)
class Block:
    """Choices that share their first row, at sums.

    Attributes:
        members: `(B, r)` places of their rows.
        at: the weights.
        e: `(B, n)` nearly the exponentials of margins; NaN where they are not known.
    """

    members: Whole
    at: At
    e: Short


class Sums:
    """Weights near smaller changes, and exponentials of margins there.

    Args:
        head: the head.
        V0: `(p,)` weights near the refit without a change.
        W: `(f, p)` weights near the refits after each label by itself, in places.
        pairs: `(f(f − 1)/2, p)` those after two, of every first place in turn; None: choices are of two labels.
        order: `(n,)` numbers of the rows, in which exponentials are held.
        check: raises when the time is up.
    """

    def __init__(self, head: Head, V0: Array, W: Array, pairs: Short | None, order: Whole,
                 check: Callable[[], None]) -> None:
        self._turned = np.ascontiguousarray((head.phi * head.Y)[order].T)
        self.V0, self.W = _finite(V0), _finite(W)
        self.pairs = pairs = None if pairs is None else _finite(pairs)
        self._norms = [float(fp.row_norms(np.asarray(np.atleast_2d(one), dtype=np.float64)).max(initial=0.0))
                       for one in (self.V0, self.W, self.W if pairs is None else pairs)]
        # margins of seven weights at most are added up
        self.able = fp.dot_unit(head.m) * float(head.phi_norm.max()) * max(self._norms) * 8.0 * RAISE < FINE
        if not self.able:
            return
        self._longest = (self._norms[0] + 3.0 * self._norms[1] + 3.0 * self._norms[2] + LEAST) * (1.0 + 16.0 * UNIT)
        self._T0, self._T = self.V0 @ self._turned, self.W @ self._turned
        if pairs is None:
            self._last = _factor(self._T - self._T0, MOVED + BENT)
            return
        self._begun = np.append(0, np.cumsum(np.arange(len(W) - 1, 0, -1)))
        self._both = np.empty((len(pairs), head.n), np.float32)
        for at in range(0, len(pairs), 4096):
            check()
            T = pairs[at : at + 4096].astype(np.float64) @ self._turned
            self._both[at : at + 4096] = exp(np.clip(T, -LARGEST, LARGEST))

    def of(self, a: int, rest: Whole, count: int) -> Array:
        """Weights of some choices with one first place: second places, and those that follow each."""
        if self.pairs is None or count == 2:
            return np.asarray(self.W[a] + self.W[rest] - self.V0)
        last = np.minimum(2 * rest - a, len(self.W) - 1)
        two = sum(self.pairs[self._begun[i] + l - i - 1] for i, l in ((a, rest), (a, last), (rest, last)))
        return np.asarray(two - self.W[a] - self.W[rest] - self.W[last] + self.V0)

    def _at(self, x: Short) -> At:
        """Weights that are sums of seven at most, each rounded, and as often their sums."""
        return At(x, self._longest, 8.0 * UNIT * self._longest, np.ones(len(x), dtype=bool))

    def of_two(self, a: int, size: int) -> Iterator[Block]:
        """All choices of two whose first place is a, so many at a time."""
        W, first = self.W, exp(np.clip(self._T[a], -LARGEST, LARGEST)).astype(np.float32)
        own, short = (W[a] - self.V0).astype(np.float32), W.astype(np.float32)
        for at in range(a + 1, len(W), size):
            b = np.arange(at, min(at + size, len(W)))
            yield Block(np.stack([np.full_like(b, a), b], axis=1), self._at(short[b] + own), self._last[b] * first)

    def of_pairs(self, pairs: Whole) -> Block:
        """Choices of two `(B, 2)`, whose first places are few."""
        firsts, of = np.unique(pairs[:, 0], return_inverse=True)
        first = exp(np.clip(self._T[firsts], -LARGEST, LARGEST)).astype(np.float32)
        x = self.W[pairs[:, 1]].astype(np.float32) + (self.W[firsts] - self.V0).astype(np.float32)[of]
        return Block(pairs, self._at(x), self._last[pairs[:, 1]] * first[of])

    def of_three(self, a: int, size: int) -> Iterator[Block]:
        """All choices of three whose first place is a."""
        assert self.pairs is not None
        f, n = len(self.W), self._turned.shape[1]
        mine = self.pairs[self._begun[a] : self._begun[a] + f - a - 1].astype(np.float64)  # a and each later place
        T, later = mine @ self._turned, np.arange(a + 1, f)
        moved = _factor(T - self._T[later], MOVED)
        bent = _factor(T - self._T[later] + self._T0 - self._T[a], BENT)
        x_moved = (mine - self.W[later]).astype(np.float32)
        x_bent = (mine - self.W[later] - self.W[a] + self.V0).astype(np.float32)
        e, x, filled, parts = np.empty((size, n), np.float32), np.empty((size, mine.shape[1]), np.float32), 0, []
        for b in range(f - a - 2):
            c = b + 1
            while c < f - a - 1:
                many = min(size - filled, f - a - 1 - c)
                some, to = slice(c, c + many), slice(filled, filled + many)
                third = int(self._begun[a + 1 + b]) + c - b - 1
                np.multiply(moved[some], bent[b], out=e[to])
                e[to] *= self._both[third : third + many]
                np.add(self.pairs[third : third + many], x_moved[some], out=x[to])
                x[to] += x_bent[b]
                parts.append((b, c, many))
                filled, c = filled + many, c + many
                if filled == size or (b == f - a - 3 and c == f - a - 1):
                    yield Block(_places(a, parts), self._at(x[:filled]), e[:filled])
                    filled, parts = 0, []


def _finite(V: NDArray[Any]) -> NDArray[Any]:
    """Weights, 0 in the place of those that are none: sums may be of any."""
    good = np.isfinite(V).all(axis=-1, keepdims=True)
    return V if good.all() else np.where(good, V, V.dtype.type(0.0))


def _places(a: int, parts: list[tuple[int, int, int]]) -> Whole:
    """`(B, 3)` from stretches of last places, each with one second place."""
    b = np.concatenate([np.full(many, one) for one, _, many in parts]) + a + 1
    c = np.concatenate([np.arange(begin, begin + many) for _, begin, many in parts]) + a + 1
    return np.stack([np.full_like(b, a), b, c], axis=1)


def _factor(T: Array, most: float) -> Short:
    """Exponentials in single precision; NaN where an exponent is too large."""
    return np.asarray(np.where(np.abs(T) <= most, exp(np.clip(T, -most, most)), np.nan), np.float32)


def at_sums(s: Single, rows: Whole, block: Block, wanted: Wanted) -> Left:
    """What is not proved of the refits of a block, whose exponentials are written over.

    Args:
        s: the matrix, in the order of the exponentials.
        rows: `(B, r)` the rows of its places.
        block: the choices.
        wanted: what is looked for.
    """
    with np.errstate(all="ignore"):
        return opened(s, rows, block.at, slopes(block.e, PART, BEYOND), wanted)
