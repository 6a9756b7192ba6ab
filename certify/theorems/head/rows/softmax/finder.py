"""Proposals for the trapping box of a softmax head: ranges by a monotone iteration, and where changed rows go alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.rigor.fp import Array
from certify.theorems.head.rows.softmax.centre import Centre, Changes
from certify.theorems.head.rows.softmax.trap import matrices, own_blocks, pairs_of, trap

ROUNDS, WARM, NEAR, MOST = 40, 0.95, 0.05, 2.0 / 3.0
CAP, SLACK, OUTWARD, LEAST = 30.0, 1.005, 1.03, 2.0**-15


def shifts(c: Centre, changes: Changes, own: Array) -> Array:
    """`(f, c, k)`: how far the outputs of a row move if it is deleted alone, the others by their quadratic model.

    `d = κ(σ − y)`, `κ = K(1 − AK)⁻¹`; none of a label.
    """
    head, rows, k = c.head, changes.rows, c.head.k
    if changes.relabels:
        return np.zeros_like(changes.new)
    S, eye = c.S[rows], np.eye(k)
    A = S[:, :, None] * (eye - S[:, None, :])
    kappa = np.linalg.solve((eye - A @ own).transpose(0, 2, 1), own.transpose(0, 2, 1)).transpose(0, 2, 1)
    return np.asarray(np.einsum("fab,fb->fa", kappa, S - head.Y[rows])[:, None, :])


def ranges(c: Centre, changes: Changes, go_on: Callable[[], bool] = lambda: True,
           warm: tuple[Array, Array] | None = None) -> tuple[Array, Array, Array] | None:
    """Slabs of rows that stay and ranges of those that change, by floats, and shifts; None where there are none.

    Their image lies within them. The search starts from nothing, or a little below what served a node nearby: `warm`,
    slabs and ranges, one a row.
    """
    if warm is None:
        r, x = np.zeros((c.head.n, len(pairs_of(c.head.k)[0]))), np.zeros(len(changes.rows))
    else:
        r, x = np.maximum(WARM * warm[0], LEAST), np.maximum(WARM * warm[1][changes.rows], LEAST)
    before = np.inf
    with np.errstate(all="ignore"):
        for turn in range(ROUNDS):
            M = matrices(c, r, proved=False)
            if M is None or not np.isfinite(M.size) or not go_on():
                return None
            try:
                shift = shifts(c, changes, own_blocks(M.mean, c.head.phi[changes.rows]))
            except np.linalg.LinAlgError:
                return None
            t = trap(c, changes, r, x, shift, False, M)
            if t is None or not (t.outside < CAP).all() or not (t.inside < CAP).all():
                return None
            if (t.outside * SLACK <= r).all() and (t.inside * SLACK <= x).all():
                return r, x, shift
            more, further = np.maximum(t.outside - r, 0.0), np.maximum(t.inside - x, 0.0)
            step = float(max(more.max(), further.max()))
            ratio = min(step / before, MOST) if turn else 0.0
            before = max(step, LEAST)
            if step < NEAR * float(t.outside.max()) or turn % 4 == 3:
                r = np.maximum(r, t.outside * OUTWARD + LEAST)
                x = np.maximum(x, t.inside * OUTWARD + LEAST)
            else:  # as far as steps that shrink by this ratio add up to
                r, x = r + more / (1.0 - ratio) + LEAST, x + further / (1.0 - ratio) + LEAST
    return None
