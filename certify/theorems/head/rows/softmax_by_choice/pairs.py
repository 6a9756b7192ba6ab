"""D18: sums of two single steps around the centre, all of them from what single steps do (Lemma 2).

Of a pair `i, l` what is left of the gradient is `R_i + R_l + R_∅ + √Q_il + B_il + B_li`, and what is lost of the
curvature the sum of what each loses: a few sums over rows for each, and no look at the pair itself.
proofs/heads-softmax-by-choice.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Whole
from certify.systems.head.rows.refit import enclose_slopes
from certify.theorems.head.rows.softmax.centre import Centre, mean_least, mean_most
from certify.theorems.head.rows.softmax_by_choice.candidates import deletions, left_of
from certify.theorems.head.rows.softmax_by_choice.metric import AROUND, LEAST, Metric, left_at, level

SURE = 2.0**-22
"""Largest error of outputs at the centre; what follows from it is held by :data:`ROOM`."""

ROOM = 1.0 + 2.0**-20

AT_ONCE = 64
"""Steps at a time."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Single steps around the centre of a matrix.

    Attributes:
        m: the matrix.
        rows: `(f,)` the rows.
        grown: `(f, n)` at least `(e^ρ_ij − 1)²/h_j`, ρ the ranges of moves; 0 at the row itself.
        moved: `(f, n)` at least `((e^ρ_ij − 1)/ρ_ij)²|τ^i_j|_j²`, |τ| their lengths; 0 at the row itself.
        left: `(f,)` at least `R_i + ½R_∅`, the gradients in the norm of the inverse.
        lost: `(f,)` at least the share of H that a step, and the deletion of its row, take.
        far: `(f,)` at least the lengths of the steps in the norm of H.
        least: `(n,)` at least the root of `ℓ_j/h_j`; 0 where rows stay with another label.
    """

    m: Metric
    rows: Whole
    grown: Array
    moved: Array
    left: Array
    lost: Array
    far: Array
    least: Array

    def distances(self, i: int, others: Whole) -> Array:
        """`(B,)` at least the distances from sums of two steps to refits without both rows; infinite where unproved.

        Args:
            i: the number of one step; `others` `(B,)` those of others.
        """
        row, second = self.rows[i], self.rows[others]
        grown, moved = self.grown[others], self.moved[others]
        one, two = moved @ self.grown[i], grown @ self.moved[i]
        both = np.sqrt(np.minimum(one, two) * fp.sum_up(len(self.least)))
        own = self.least[row] * np.sqrt(moved[:, row]) + self.least[second] * np.sqrt(self.moved[i, second])
        R = (self.left[i] + self.left[others] + (both + own) * ROOM) * (RAISE * RAISE)
        found = np.full(len(others), np.inf)
        for a in AROUND:
            theta = float(mean_least(np.array(self.m.wide * a * RAISE)))
            keeps = mean_least(self.m.long * a * RAISE) * (1.0 - 2.0**-40) / (self.m.h * theta)
            few = float(np.maximum(1.0 - keeps, 0.0) @ self.m.lever) * fp.sum_up(len(self.least)) + 2.0**-20
            part = theta * (1.0 - (self.lost[i] + self.lost[others] + few) * RAISE) * (1.0 - 8.0 * U)
            r = np.where(part > LEAST, R / np.maximum(part, LEAST) * RAISE, np.inf)
            found = np.where(r * RAISE < a, np.minimum(found, r), found)
        return found


def pairs_of(m: Metric, c: Centre, rows: Whole, W: Array, check: Callable[[], None],
             labels: Choices | None = None) -> Pairs | None:
    """What single steps do; None where the centre is not known well enough.

    Args:
        m: a matrix with the outputs of the centre as its `u`.
        c: the centre, with the errors of its outputs.
        rows: the rows.
        W: `(f, k, p)` weights near the refits without one of them each.
        check: raises when the time is up.
    """
    head = c.head
    if not (float(c.off.max(initial=0.0)) <= SURE and (m.h > 0.0).all()):
        return None
    delta = W - c.V
    size = np.sqrt(np.einsum("fkp,fkp->f", delta, delta)) * fp.sum_up(delta[0].size) + fp.FLOOR
    shape = len(rows), head.n
    grown, moved, left, lost, data = np.empty(shape), np.empty(shape), *(np.empty(len(rows)) for _ in range(3))
    for start in range(0, len(rows), AT_ONCE):
        check()
        at = slice(start, start + AT_ONCE)
        ranges, long = _moves(c, delta[at], size[at])
        mean, shares, own = mean_most(ranges), 1.0 - left_at(ranges) + 2.0**-40, rows[at]
        grown[at], moved[at] = (ranges * mean) ** 2 / m.h * (RAISE * RAISE), (long * mean) ** 2 * (RAISE * RAISE)
        if labels is None:
            for found in (grown[at], moved[at], shares):
                found[np.arange(len(own)), own] = 0.0
        lost[at] = level(shares.T, m.lever) + (m.lever[own] if labels is None else 0.0)
        data[at] = (long * long) @ m.h * ROOM
        one = deletions(own[:, None]) if labels is None else labels.part(at)
        left[at] = left_of(m, enclose_slopes(head, one, W[at]))
    still = left_of(m, enclose_slopes(head, deletions(np.zeros((1, 0), np.int64)), c.V[None]))[0]
    # what a step does to the other row of a pair counts where that row leaves
    least = np.sqrt(m.lever / m.h * RAISE) * RAISE if labels is None else np.zeros(head.n)
    return Pairs(m, rows, grown, moved, left + 0.5 * still, lost, _lengths(m, delta, size, data), least)


def _moves(c: Centre, delta: Array, size: Array) -> tuple[Array, Array]:
    """`(f, n)` at least the ranges of what steps add to outputs, and at least their lengths in `A(Ŵx_j)`."""
    head, (n, k) = c.head, c.S.shape
    S, prob = c.S.T, (c.S + c.s_off[:, None]).T
    ranges, lengths = np.empty((len(delta), n)), np.empty((len(delta), n))
    for i, step in enumerate(delta):
        T = step @ head.phi.T
        off = (fp.dot_unit(head.m) + 2.0 * U) * size[i] * head.phi_norm * RAISE
        top, low = T.max(axis=0), T.min(axis=0)
        ranges[i] = (top - low + 2.0 * off) * RAISE
        most = np.maximum(np.abs(top), np.abs(low))
        T -= (T * S).sum(axis=0)
        lengths[i] = (np.sqrt((T * T * prob).sum(axis=0)) * RAISE + off + 4.0 * U * (k + 2.0) * most) * RAISE
    return ranges, lengths


def _lengths(m: Metric, delta: Array, size: Array, data: Array) -> Array:
    """`(f,)` at least the lengths of steps in the norm of H, `Σ h_j|τ_j|² + Σ μ_c|δ_c|² + ν(Σ_a δ_a,last)²`.

    Args:
        m: the matrix.
        delta: `(f, k, p)` the steps; `size` `(f,)` at least their lengths.
        data: `(f,)` at least the first sum.
    """
    c, (k, p) = m.c, delta.shape[1:]
    decay = np.einsum("fkp,p->f", delta * delta, c.decay + c.decay_off)
    last = np.abs(delta[:, :, -1].sum(axis=1)) + 2.0 * k * U * size
    return np.asarray(np.sqrt((data + decay + c.tie * last * last) * fp.sum_up(len(m.h) + k * p)) * RAISE)
