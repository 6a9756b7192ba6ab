"""The method: easy points first, each with a share of the time that is left."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.format.errors import EnclosureError
from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.energy.finder import minimise
from certify.theorems.head.rows.energy.record import Record
from certify.theorems.head.rows.energy.rows import Rows, logistic_rows, softmax_rows
from certify.theorems.head.rows.energy.tree import Open, Tree
from certify.theorems.head.rows.method import Budget, Mask, Method, Part

MOST = 2**25
"""Most slopes of all dual points of a point: alternatives times rows times outputs."""

VECTORS = 4_000_000
"""Most weights that a record holds."""

FIRST, LATER = 0.02, 0.5
"""Share of the time left for a point: first for all, then for those not done."""


class Energy(Method):
    """Changed labels only, which enter the loss linearly."""

    name: ClassVar[str] = "energy"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the loss and the inputs fit."""
        if not change.relabels:
            return "it is for changed labels, and rows are deleted"
        if head.loss.name not in ("logistic", "cross_entropy") or head.label is None:
            return "it needs the logistic loss or cross-entropy"
        if head.threshold != 0:
            return "it needs the threshold 0"
        if head.phi_rad.any() or head.points_rad.any():
            return "it needs inputs of the last layer that are known exactly"
        if not len(change.rows) or change.count < 1:
            return "no label may change"
        if head.n * head.k * (len(change.rows) * max(head.k - 1, 1) + 1) > MOST:
            return f"labels that may change times rows times outputs are more than {MOST:.0e}"
        return ""

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose trees are done, the widest margins first."""
        with np.errstate(all="ignore"):
            return _prove(self.name, head, change, todo, budget)


def rows_of(head: Head, change: RowChange) -> Rows:
    """The head flattened."""
    mid, error = head.mu()
    mu = (mid, mid) if not error else (float(np.nextafter(mid - error, 0.0)), float(np.nextafter(mid + error, np.inf)))
    allowed = np.array(change.rows, dtype=np.int64)
    assert head.label is not None
    if head.k == 1:
        return logistic_rows(head.phi, head.Y[:, 0] > 0, head.decayed, mu, allowed)
    return softmax_rows(head.phi, head.label, head.k, head.decayed, mu, allowed)


def normals(head: Head, j: int) -> Array:
    """Vectors e, one a line, with e·w > 0 while the label of point j beats each of the others."""
    x, a = head.points[j], int(head.today[j])
    if head.k == 1:
        return np.asarray((x if a == 1 else -x)[None])
    e = np.zeros((head.k, head.k, head.m))
    for b in range(head.k):
        e[b, a], e[b, b] = x, -x
    return np.asarray(np.delete(e, a, axis=0).reshape(head.k - 1, -1))


def _prove(name: str, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part:
    rows = rows_of(head, change)
    start = minimise(rows, rows.tau[None], head.V.reshape(1, -1), None, 1e-10)[0]
    proved = np.zeros(len(head.points), dtype=bool)
    record, done = Record(), []
    todo = todo & (head.today >= 0)
    order = sorted(np.flatnonzero(todo).tolist(), key=lambda j: -float(_gap(head, j, start)))
    hopeless: set[int] = set()
    for share in (FIRST, LATER):
        for j in order:
            if proved[j] or j in hopeless or budget.left() <= 0 or len(record.vectors) * len(start) > VECTORS:
                continue
            try:
                tree = _point(head, rows, change.count, j, start, budget.share(share))
            except Open:
                hopeless.add(j)
                continue
            except (OutOfTime, EnclosureError, np.linalg.LinAlgError):
                continue
            record.join(tree)
            proved[j] = True
            done.append(j)
    return Part(name, proved, record.arrays(np.array(done, dtype=np.int64), len(start)))


def _gap(head: Head, j: int, w: Array) -> float:
    e = normals(head, j)
    return float((e @ w / np.sqrt((e * e).sum(1))).min())


def _point(head: Head, rows: Rows, count: int, j: int, start: Array, budget: Budget) -> Record:
    """The record of one point; raises where it is not proved."""
    record = Record()
    for e in normals(head, j):
        tree = Tree(head, rows, e, budget.check)
        tree.prove(start, count)
        record.join(tree.record)
    return record
