"""Small convex heads of every loss, with decayed and free intercepts, scales, duplicate and constant columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import ZERO, norm
from certify.check.theorems.head.rows.codes import Codes
from certify.check.theorems.head.rows.head import BITS, label
from certify.check.theorems.head.rows.head import Head as BallHead
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.finders.head.refits import Refitter
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses import HEAD_LOSSES


def drawn_head(
    rng: np.random.Generator, loss: str, n: int = 8, d: int = 2, N: int = 6, classes: int = 3, free: bool | None = None,
    scale: float = 1.0, decay: float | None = None, remaining: bool = False,
    apart: float = 0.0,
) -> Head:
    """A head at weights near its minimum, and evaluation rows with some thin margins.

    Args:
        rng: the draws.
        loss: its word; the squared loss has one output with codes −1 and 1, the cross-entropy one a class.
        n, d, N: rows, features, evaluation rows.
        classes: of the cross-entropy.
        free: whether the intercept carries no decay; None: drawn.
        scale: of the features.
        decay: λ; None: drawn.
        apart: how far the classes lie apart.
        remaining: whether deleted rows leave the n of the decay.
    """
    X = rng.normal(size=(n, d))
    if rng.random() < 0.3:
        X[rng.integers(n)] = X[rng.integers(n)]
    if rng.random() < 0.2:
        X[:, 0] = 1.0
    k = classes if loss == "cross_entropy" else 1
    label = rng.permutation(np.arange(n) % max(k, 2))  # of every class as many rows as can be
    X[:, -1] += apart * label
    X *= scale
    codes = np.eye(k) if k > 1 else np.array([[-1.0], [1.0]])
    phi = np.hstack([X, np.ones((n, 1))])
    decayed = np.ones(d + 1, dtype=bool)
    decayed[-1] = not (rng.random() < 0.5 if free is None else free)
    points = np.hstack([rng.normal(size=(N, d)) * scale, np.ones((N, 1))])
    lam = float(10.0 ** rng.uniform(-3, 0)) if decay is None else decay
    head = Head(phi, np.zeros(n), codes[label], codes, label.astype(np.int64), HEAD_LOSSES[loss],
                np.zeros((k, d + 1)), lam, decayed, remaining, points, np.zeros(N))
    return replace(head, V=Refitter(head).V0)


def any_rows(head: Head, count: int, relabels: bool) -> RowChange:
    """A change of any of its rows."""
    return RowChange(relabels, count, tuple(range(head.n)))


def ball_head(head: Head, change: RowChange) -> BallHead:
    """The same head for the checker, whose points and today's labels are its own."""
    with ctx.workprec(BITS):
        phi, evaluated = arb_mat(head.phi.tolist()), arb_mat(head.points.tolist())
        outputs = (evaluated * arb_mat(head.V.tolist()).transpose()).tolist()
        codes = Codes([] if head.codes is None else head.codes.tolist(),
                      [] if head.label is None else head.label.tolist(), head.Y.tolist())
        return BallHead(
            phi=phi, rows=phi.tolist(), sizes=[norm(row).upper() for row in phi.tolist()], targets=head.Y.tolist(),
            codes=codes, loss=row_loss(head.loss.name), k=head.k, m=head.m, biased=True,
            bias_decay=not head.free_intercept, decay=arb(head.weight_decay), remaining=head.remaining,
            evaluated=evaluated, lengths=[norm(row).upper() for row in evaluated.tolist()], threshold=head.threshold,
            today=[label(f, head.threshold, ZERO) for f in outputs], moving=change.rows, count=change.count,
            relabels=change.relabels)
