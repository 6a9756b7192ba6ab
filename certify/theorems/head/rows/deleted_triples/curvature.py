"""D30: what a choice of three rows takes of the curvature, as one eigenvalue.

proofs/heads-deleted-triples.md.
"""

from __future__ import annotations

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.rigor.single.floats import LEAST, UNIT, Short, above, dot_unit, products_are_exact
from certify.systems.head.rows.boxes.slabs import Rows
from certify.theorems.head.rows.deleted_triples.numbers import Numbers

FEW, MANY, SEEN = 32, 256, 3072
"""Rows that count most, of which the products are looked at with their signs: at first, and where that leaves a point
open; and all whose squares are, the others by traces."""

SQUARINGS = 4
"""Products, each of which takes the square root of how far the Frobenius norm is off."""

AT_ONCE = 64
"""Choices at a time."""


class Curvature:
    """What choices of steps take."""

    def __init__(self, x: Numbers) -> None:
        self.x, t = x, x.taken
        a, st = x.metric, x.metric.st
        self.able = products_are_exact()
        self.m: Short = above(np.where(st.c.kept > 0.0, a.m, 0.0) * RAISE)
        self.squares = a.long * a.long * RAISE
        heat = t.w.max(axis=1) * t.squares
        some = np.union1d(np.argsort(-heat, kind="stable")[:SEEN], t.places)
        self.seen, place = t.seen[some], np.zeros(len(t.seen), np.int64)
        place[some] = np.arange(len(some))
        K = t.K[np.ix_(some, some)]
        sizes = t.sizes[some]
        self.K: Short = K.astype(np.float32)
        # products, and what they lose by half the bits, as a part of lengths
        self.off = t.off * sizes * sizes + UNIT * self.squares[self.seen]
        self.K2: Short = above(t.K2[np.ix_(some, some)] * RAISE)
        self.rows, self.root = place[t.places], np.sqrt(a.m[st.rows]) * RAISE
        # products with rows that are out, as roots of what M has of these
        self.C: Short = above((np.abs(K[:, self.rows]) + np.sqrt(np.outer(self.off, self.off[self.rows]))) * self.root)

    def lost(self, choices: Rows, more: Array, few: int, w: Short) -> Array:
        """`(C,)` upper bounds of the share that is lost in the matrix without the rows.

        Args:
            choices: `(C, k)` columns of steps.
            more: `(C,)` numbers `1/(1 − o)`.
            few: how many rows are looked at with their signs.
            w: `(C, n)` what rows that stay lose of what M has of them, 0 of those of the choice.
        """
        found = np.full(len(choices), np.inf)
        if not self.able:
            return found
        with np.errstate(all="ignore"):  # what single precision does not hold proves nothing
            for at in range(0, len(choices), AT_ONCE):
                some = slice(at, at + AT_ONCE)
                found[some] = self._lost(w[some], choices[some], more[some], few)
        return found

    def _lost(self, w: Short, choices: Rows, more: Array, few: int) -> Array:
        ws, u = w[:, self.seen], len(self.seen)
        whole, mine = w @ self.squares, ws @ self.squares[self.seen]
        up, part = fp.sum_up(w.shape[1]), 1.0 + 2.0 * dot_unit(u + 8)
        rest = (np.maximum(whole - mine, 0.0) + 4.0 * fp.dot_unit(w.shape[1]) * whole) * more * up
        C = self.C[:, choices].astype(np.float64)
        along = (C * C).sum(axis=2).T * more[:, None] * RAISE  # how much longer rows are without those that are out
        heavy = ws * (self.squares[self.seen] + along)
        few = min(few, u)
        J = np.argpartition(-heavy, few - 1, axis=1)[:, :few] if few < u else np.tile(np.arange(u), (len(choices), 1))
        inner, left = self._inner(J, np.take_along_axis(ws, J, axis=1), choices, more), ws.copy()
        np.put_along_axis(left, J, np.float32(0.0), axis=1)
        seen = (left @ self.K2).astype(np.float64) * part + u * LEAST  # and what is too small for single precision
        beside, across = (left * along).sum(axis=1) * up, ((ws - left) * along).sum(axis=1) * up
        others = np.sqrt(np.einsum("cu,cu->c", seen, left) * up) + beside
        both = np.sqrt(np.einsum("cu,cu->c", seen, ws - left) * up) + np.sqrt(beside * across)
        half = 0.5 * (inner - others)
        found = 0.5 * (inner + others) + np.sqrt(half * half + both * both)
        return np.asarray((np.minimum(inner + others, found) * RAISE + rest) * (RAISE * RAISE))

    def _inner(self, J: Rows, w: Short, choices: Rows, more: Array) -> Array:
        """At least the largest eigenvalues of the parts of some rows of each choice."""
        B = self.K[J[:, :, None], J[:, None, :]]
        C = np.take_along_axis(self.K[:, self.rows[choices]].transpose(1, 0, 2), J[:, :, None], axis=1)
        C = C * (self.root[choices] * np.sqrt(more)[:, None])[:, None, :].astype(np.float32)
        B += C @ C.transpose(0, 2, 1)
        root = np.sqrt(w)
        B *= root[:, :, None]
        B *= root[:, None, :]
        # entries are off by roots of `off` of both rows, those of C by as much and the root of what M has of a row
        off, unit = self.off[J], 64.0 * UNIT
        own = self.root[choices] ** 2 * self.off[self.rows[choices]] * more[:, None]
        size = np.sqrt((C.astype(np.float64) ** 2).sum(axis=2))
        wrong = np.sqrt(off * own.sum(axis=1)[:, None])
        loose = (w * off).sum(axis=1) + (w * wrong * wrong).sum(axis=1)
        loose += 2.0 * np.sqrt((w * size * size).sum(axis=1) * (w * wrong * wrong).sum(axis=1))
        loose += unit * (w * (self.squares[self.seen][J] + size * size)).sum(axis=1)
        return np.asarray((_largest(B) + loose * fp.sum_up(J.shape[1]) * RAISE) * RAISE)


def _largest(B: Short) -> Array:
    """At least the norms of matrices, by `‖B‖² = ‖BᵀB‖` over and over: rounding leaves none of them symmetric."""
    def frobenius(M: Short) -> Array:
        return np.asarray(np.sqrt(np.einsum("cij,cij->c", M, M, dtype=np.float64)) * (1.0 + 2.0**-30))

    size, unit = frobenius(B), dot_unit(B.shape[1] + 8)
    M, lost = B * (1.0 / size)[:, None, None].astype(np.float32), []
    for _ in range(SQUARINGS):
        length = frobenius(M)
        M = M.transpose(0, 2, 1) @ M
        lost.append(unit * length * length + LEAST)
    top = frobenius(M)
    for off in reversed(lost):
        top = np.sqrt(top + off) * RAISE
    return np.asarray(np.where(size == 0.0, 0.0, np.minimum((top + 4.0 * UNIT) * size * (1.0 + 4.0 * UNIT), size)))
