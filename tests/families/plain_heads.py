"""Logistic heads of the checker from rows as they are written down, without a prover's: every number is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import arb, arb_mat

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows.changes.base import Labels
from certify.check.theorems.head.rows.changes.both import Both
from certify.check.theorems.head.rows.codes import Codes
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.base import row_loss


def plain_head(rows: Sequence[Sequence[Any]], signs: Sequence[float], mu: Any, points: Sequence[Sequence[Any]],
               threshold: float = 0.0, moving: tuple[int, ...] = ()) -> Head:
    """One row of `moving` deleted and another relabelled; all weights decay, and all points have label 1 today.

    Args:
        rows: inputs, floats or balls.
        signs: −1 or 1 of every row.
        mu: of the sum of all rows.
        points: evaluation rows, floats or balls.
        threshold: of outputs.
        moving: rows that may change.
    """
    phi, seen = ([[arb(x) for x in row] for row in part] for part in (rows, points))
    n, label, targets = len(phi), [int(y > 0) for y in signs], [[float(y)] for y in signs]
    return Head(
        phi=arb_mat(phi), rows=phi, sizes=[norm(row).upper() for row in phi], targets=targets,
        codes=Codes([[-1.0], [1.0]], label, targets), loss=row_loss("logistic"), k=1, m=len(phi[0]), biased=False,
        bias_decay=True, decay=arb(mu) / n, remaining=False, evaluated=arb_mat(seen),
        lengths=[norm(row).upper() for row in seen], threshold=threshold, today=[1] * len(seen), moving=(), count=0,
        relabels=False, kind=Both(Labels(label, 2), 1, 1, moving))
