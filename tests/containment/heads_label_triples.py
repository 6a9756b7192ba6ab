"""Containment of D28: what is said to stay does, after every three changed labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.label_triples.method import LabelTriples
from certify.theorems.head.rows.method import Budget
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.heads import drawn_head
from tests.families.logistic_heads import refits as all_refits

NEAR = 1e-6
"""Margins that floats do not tell from 0."""


def refits(head: Head, changed: Sequence[tuple[int, ...]]) -> Array:
    """`(B, m)` weights after these rows get their other label: Newton's method from 0, in long doubles."""
    signs = np.ones((len(changed), head.n))
    for b, some in enumerate(changed):
        signs[b, list(some)] = -1.0
    S, decay = head.phi * head.Y, np.where(head.decayed, head.mu()[0], 0.0)
    W = all_refits(S, signs, np.ones_like(signs), decay)
    g = decay * W - (signs * np.exp(-np.logaddexp(0.0, signs * (W @ S.T)))) @ S
    left = np.linalg.norm(g, axis=1)
    if not (left < 1e-10 * (1.0 + np.abs(S).sum())).all():
        raise ArithmeticError(f"no refit was found, {left.max():.1e} of its gradient is left")
    return W


def refit(head: Head, changed: tuple[int, ...]) -> Array:
    """Weights after these rows get their other label."""
    return np.asarray(refits(head, [changed])[0])


def least_margins(head: Head, rows: tuple[int, ...], most: int = 3) -> Array:
    """`(N,)` the least margin of today's labels under every choice of at most so many labels of these rows."""
    V = refits(head, [some for r in range(min(most, len(rows)) + 1) for some in combinations(rows, r)])
    return np.asarray((np.where(head.today == 1, 1.0, -1.0) * (V @ head.points.T - head.threshold)).min(axis=0))


@attack("changed_labels_triples", "D28", slow=20)
def changed_labels_triples(rng: np.random.Generator) -> Outcome:
    """Small heads with up to as many columns as rows, points at all distances: proved ones, and flipped ones."""
    head = drawn_head(rng, "logistic", n=int(rng.integers(6, 14)), d=int(rng.integers(1, 9)), N=60,
                      scale=float(10.0 ** rng.uniform(-1.0, 1.0)), apart=float(rng.uniform(0.0, 4.0)),
                      decay=float(10.0 ** rng.uniform(-3.0, 0.5)))
    rows = tuple(np.sort(rng.choice(head.n, int(rng.integers(3, 7)), replace=False)).tolist())
    change = RowChange(True, int(rng.integers(2, 4)), rows)
    if change.count == 3 and LabelTriples().able(head, change):
        return "refused"
    part = LabelTriples().prove(head, change, head.today >= 0, Budget())
    assert part is not None and part.flips is not None
    low = least_margins(head, rows, change.count)
    if (low[part.proved] < -NEAR).any():
        raise Violation("a point that was said to stay is flipped")
    if (low[part.flips.point >= 0] > NEAR).any():
        raise Violation("a point that was said to be flipped stays")
    return "decided" if part.proved.any() else "refused"
