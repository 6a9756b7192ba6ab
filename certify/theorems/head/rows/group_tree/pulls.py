"""D21: what the rows of each group pull and hold at a centre, and the step of each: Newton's, without its rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.parts import products
from certify.theorems.head.rows.boxes.leaves import Base

Whole = NDArray[np.int64]

GRAM = 512
"""Rows of a group up to which its Gram matrix is formed."""


@dataclass(frozen=True, eq=False)
class Pulls:
    """Some groups.

    Attributes:
        groups: their numbers.
        rows: of each group.
        M, P: `(q, p, p)`, `(q, p)` floats near `M_A` and `P_A`.
        held: upper bounds of κ_A.
        lost: what `P_A` is off by at most, in length.
        delta: `(q, p)` steps, proposals.
    """

    groups: Whole
    rows: tuple[Whole, ...]
    M: Array
    P: Array
    held: Array
    lost: Array
    delta: Array

    def some(self, at: Whole) -> Pulls:
        """Those at some places."""
        return replace(self, groups=self.groups[at], rows=tuple(self.rows[a] for a in at.tolist()), M=self.M[at],
                       P=self.P[at], held=self.held[at], lost=self.lost[at], delta=self.delta[at])

    def order(self) -> Whole:
        """Places of the groups, those first whose steps are longest and hold most; nothing rests on it."""
        lengths = np.einsum("qa,qa->q", self.delta, np.einsum("qab,qb->qa", self.M, self.delta) - self.P)
        return np.argsort(-(np.sqrt(np.maximum(lengths, 0.0)) + self.held), kind="stable")


def pulls(b: Base, groups: Whole, members: tuple[Whole, ...]) -> Pulls | None:
    """Those of some groups; None where a step is not finite.

    Args:
        b: the inverse at the centre.
        groups: numbers of the groups.
        members: the rows of every group.
    """
    s, at, p, q = b.c.sums, b.c.at, len(b.X), len(groups)
    w, rows_of = b.c.kept * at.D, tuple(members[g] for g in groups.tolist())
    found = Pulls(groups, rows_of, np.zeros((q, p, p)), np.zeros((q, p)), np.zeros(q), np.zeros(q), np.zeros((q, p)))
    for a, rows in enumerate(rows_of):
        S, own, pull = s.S[rows], w[rows], b.c.kept[rows] * at.p[rows]
        found.M[a], found.P[a] = (S.T * own) @ S, pull @ S
        found.lost[a] = float(b.c.kept[rows] * at.p_off[rows] @ s.norms[rows]
                              + fp.dot_unit(len(rows) + 2) * (pull @ s.norms[rows])) * fp.sum_up(len(rows))
        norms = s.norms[rows] * np.sqrt(own)
        wrong = (b.off + 8.0 * U * b.size) * float(norms @ norms) * fp.sum_up(len(rows))
        scaled = S * np.sqrt(own)[:, None]
        if len(rows) <= GRAM:
            K = (scaled @ b.X) @ scaled.T
            square = _size(K @ K.T) + fp.dot_unit(len(rows)) * _size(K) ** 2 * RAISE
            found.held[a] = (float(np.sqrt(square)) + wrong) * RAISE
        else:
            # each row's part, and then their sum: as many roundings as rows, each of what the parts are at most
            summed = fp.dot_unit(len(rows) + p) * fp.frobenius(b.X) * float(norms @ norms) * fp.sum_up(len(rows))
            trace = float(np.einsum("ij,ij->i", scaled @ b.X, scaled).sum())
            found.held[a] = (trace + wrong + summed) * RAISE
    if not q:
        return found
    H = products((s.S * w[:, None]).T, s.S.T)
    H[np.diag_indices(p)] += s.decay
    try:
        delta = np.asarray(np.linalg.solve(H - found.M, -found.P[:, :, None])[:, :, 0], np.float64)
    except np.linalg.LinAlgError:
        return None
    return replace(found, delta=delta) if np.isfinite(delta).all() else None


def _size(K: Array) -> float:
    """An upper bound of a Frobenius norm of a small matrix; what squares lose that underflow is in it."""
    return float(np.sqrt((K * K).sum())) * fp.sum_up(K.size) + fp.FLOOR
