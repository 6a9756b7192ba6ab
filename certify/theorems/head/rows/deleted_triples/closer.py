"""D30: choices whose pairs are formed, with what is left of the gradient as a vector, point by point.

A refit lies in the ball of D28 around half of a step, so that a point loses half as much as by its distance, unless it
lies along what is left. proofs/heads-deleted-triples.md.
"""

from __future__ import annotations

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.rigor.single.floats import LEAST, Short, dot_unit, products_are_exact
from certify.systems.head.rows.boxes.slabs import Rows
from certify.theorems.head.rows.by_choice.pieces import ROOM
from certify.theorems.head.rows.deleted_triples.numbers import KEPT, Numbers
from certify.theorems.head.rows.deleted_triples.points import Points, taken
from certify.theorems.head.rows.method import Mask

AT_ONCE = 256
"""Choices at a time."""


class Closer:
    """Choices against points.

    Args:
        x: the numbers.
        p: the points.
    """

    def __init__(self, x: Numbers, p: Points) -> None:
        self.x, self.p = x, p
        a, st = x.metric, x.metric.st
        # what points and rows times the root are off by is in their lengths
        self.seen = (p.seen + 2.0 * np.sqrt(x.miss) * fp.row_norms(p.points)) * RAISE
        self.scale = np.ldexp(1.0, np.frexp(self.seen)[1])  # points of all sizes, in units that single precision holds
        self.E: Short = ((p.points / self.scale[:, None]) @ x.root).astype(np.float32)
        Z = st.c.sums.S[st.rows] @ x.root * np.sqrt(a.m[st.rows])[:, None]
        self.Z: Short = np.concatenate([Z, np.zeros((3, Z.shape[1]))]).astype(np.float32)
        self.rough = np.append(2.0 * np.sqrt(x.miss * a.m[st.rows]) * st.c.sums.norms[st.rows] * RAISE, [1.0, 1.0, 0.0])
        # a product of vectors in single precision, each rounded twice, and the root itself
        self.unit = dot_unit(len(x.root) + 32) if products_are_exact() else np.inf

    def open_by(self, choices: Rows, third: Array, kept: Array) -> tuple[Mask, Mask]:
        """Which of `(C, 3)` choices leave a point open, and `(N,)` which points they leave open.

        Args:
            choices: columns.
            third: what three steps do to the slopes of others.
            kept: at most what is left of the curvature.
        """
        open_, point = np.zeros(len(choices), bool), np.zeros(len(self.p.margin), bool)
        for at in range(0, len(choices), AT_ONCE):
            some = slice(at, at + AT_ONCE)
            takes = self._takes(choices[some], third[some], kept[some])
            open_[some] = takes.any(axis=0)
            point |= takes.any(axis=1)
        return open_, point

    def _takes(self, choices: Rows, third: Array, kept: Array) -> Mask:
        """`(N, C)` whether choices may take points."""
        x, p, (i, j, l) = self.x, self.p, choices.T
        more = x.kept(i, j, l)[0]
        root = np.sqrt(more) * RAISE
        pairs = [x.place[i, j], x.place[i, l], x.place[j, l]]
        g = x.turned[pairs[0]] + x.turned[pairs[1]] + x.turned[pairs[2]]
        wrong = (x.off[pairs[0]] + x.off[pairs[1]] + x.off[pairs[2]]) * RAISE
        size = (x.signed[i, j] + x.signed[i, l] + x.signed[j, l] + wrong + LEAST) * RAISE
        off = self.unit * size * RAISE + wrong
        with np.errstate(invalid="ignore", over="ignore"):
            along = sum((np.abs(np.einsum("cp,cp->c", self.Z[a], g, dtype=np.float64)) + off + self.rough[a] * size)
                        ** 2 for a in (i, j, l))
            length = np.sqrt((np.linalg.norm(g.astype(np.float64), axis=1) + off) ** 2 + more * along) * RAISE
            beyond = (x.beyond(i, j, l, third, root) + root * wrong) * RAISE
            fine = (kept > KEPT) & ((length + beyond) * root * RAISE < x.metric.reach * kept)
            half = 0.5 / np.maximum(kept, KEPT) * RAISE
            inner = (self.E @ g.T).astype(np.float64) * self.scale[:, None]
            inner += (p.seen * np.sqrt(p.along) * RAISE)[:, None] * (more * np.sqrt(along) * RAISE)
            inner += self.seen[:, None] * (off + size * self.unit)
            longer = self.seen[:, None] * np.sqrt(1.0 + p.along[:, None] * more) * RAISE
            moved = np.maximum(inner + longer * (length + 2.0 * beyond) * RAISE, 0.0) * half * RAISE
            moved += taken(p.pushes, choices)
        return np.asarray(~(fine & (moved < p.margin[:, None] / ROOM)), bool)
