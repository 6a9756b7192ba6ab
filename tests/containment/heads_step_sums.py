"""Containment of D20: every refit after changed labels lies as near to the sum of the single steps as is said of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from certify.finders.head.plain import PlainRefits
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.step_sums.bound import bound
from certify.theorems.head.rows.step_sums.method import StepSums, relabelled
from certify.theorems.head.rows.step_sums.steps import steps
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.other_heads import other_head

NEAR = 1e-7


def drawn(rng: np.random.Generator) -> Head:
    """A head of few rows whose weights are by row, by label, both, or balanced; points at its border among others."""
    n, d = int(rng.integers(8, 15)), int(rng.integers(1, 4))
    kind = str(rng.choice(["rows", "labels", "both", "balanced"]))
    head = other_head(rng, "logistic", n, d, 24, None, None, float(10.0 ** rng.uniform(-1, 1)),
                      float(10.0 ** rng.uniform(-1.5, 0.7)), weights=kind)
    w = head.V[0]
    points = head.points.copy()
    points[::2, :-1] -= np.outer((points[::2] @ w) * rng.uniform(0.7, 1.0, 12), w[:-1]) / float(w[:-1] @ w[:-1])
    return replace(head, points=points, threshold=float(rng.choice([0.0, 0.0, rng.normal() * 0.1])))


@attack("changed_labels_step_sums", "D20", slow=10)
def changed_labels_step_sums(rng: np.random.Generator) -> Outcome:
    """Every choice of up to two or three changed labels: its distance in the norm of A, and every point's label."""
    head, k = drawn(rng), int(rng.integers(1, 4))
    rows = np.sort(rng.choice(head.n, int(rng.integers(k, min(head.n, 11))), replace=False))
    change = RowChange(True, k, tuple(rows.tolist()))
    if StepSums().able(head, change):
        return "refused"
    assert head.label is not None and head.weights is not None
    part = StepSums().prove(head, change, head.today >= 0, Budget())
    assert part is not None and part.flips is not None
    st = None if head.weights.balanced else steps(head, relabelled(head, rows), lambda: None)
    b = None if st is None else bound(st, k)
    plain, flipped = PlainRefits(head), np.zeros(len(head.points), dtype=bool)
    for r in range(k + 1):
        every = list(combinations(range(len(rows)), r))
        which = np.array(every, dtype=np.int64).reshape(len(every), r)
        choices = Choices(rows[which], 1 - head.label[rows[which]])
        V = plain.newton(choices, np.repeat(head.V[None], len(which), axis=0))[:, 0]
        out = (V @ head.points.T - head.threshold) * np.where(head.today == 1, 1.0, -1.0)
        if (part.proved & (out < -NEAR).any(axis=0)).any():
            raise Violation("a point that was said to stay is flipped")
        flipped |= (out < NEAR).any(axis=0)
        if b is not None and r:
            away = V - b.steps.w - b.steps.delta[which].sum(axis=1)
            size = np.sqrt(np.maximum(np.einsum("bi,ij,bj->b", away, np.linalg.inv(b.X), away), 0.0))
            if (size > b.far(which) * (1 + NEAR) + NEAR).any():
                raise Violation("a refit lies farther from its sum than was said")
    if ((part.flips.point >= 0) & ~flipped).any():
        raise Violation("a point that was said to be flipped stays")
    return "decided" if part.proved.any() or b is not None else "refused"
