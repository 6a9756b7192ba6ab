"""Containment of D9 and D10: after every change of rows of a softmax head labels stay that are proved to stay."""

from __future__ import annotations

from itertools import combinations, product
from types import ModuleType

import numpy as np
from flint import ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import softmax_box, softmax_tree
from certify.systems.head.rows.change import DELETED, RowChange
from certify.theorems.head.rows.method import Budget, Method
from certify.theorems.head.rows.softmax_box import SoftmaxBox
from certify.theorems.head.rows.softmax_tree import SoftmaxTree
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.class_heads import as_checked, class_head, refit

ROOM = 1e-9


@attack("changed_rows_softmax_box", "D9", slow=20)
def changed_rows_softmax_box(rng: np.random.Generator) -> Outcome:
    """Every deletion or relabelling of a small head against what a box proved, and the checker's answer to it."""
    return _changed_rows(rng, SoftmaxBox(), softmax_box, 1.0)


@attack("changed_rows_softmax_tree", "D10", slow=20)
def changed_rows_softmax_tree(rng: np.random.Generator) -> Outcome:
    """The same against a tree of boxes, with less decay."""
    return _changed_rows(rng, SoftmaxTree(), softmax_tree, 0.1)


def _changed_rows(rng: np.random.Generator, method: Method, twin: ModuleType, held: float) -> Outcome:
    n, k, relabels = int(rng.integers(5, 9)), int(rng.integers(2, 4)), bool(rng.random() < 0.5)
    count = int(rng.integers(1, 3))
    decay = held * float(10.0 ** rng.uniform(-0.5, 0.8)) * count * (2 if relabels else 1)
    head = class_head(rng, n, k, 20, decay, bool(rng.random() < 0.3), float(rng.uniform(1, 3)))
    rows = tuple(sorted(rng.choice(n, int(rng.integers(1, n + 1)), False).tolist()))
    change = RowChange(relabels, count, rows)
    if method.able(head, change):
        return "refused"
    part = method.prove(head, change, head.today >= 0, Budget())
    if part is None or not part.proved.any():
        return "refused"
    for size in range(1, min(count, len(rows)) + 1):
        for M in combinations(rows, size):
            for codes in product(*(change.alternatives(head, i) for i in M)):
                Y, left = head.Y.copy(), np.ones(n, dtype=bool)
                for i, code in zip(M, codes, strict=True):
                    left[i] = code != DELETED
                    if code != DELETED and head.codes is not None:
                        Y[i] = head.codes[code]
                F = head.points @ refit(head.phi[left], Y[left], n * head.weight_decay, head.decayed, 25).T
                mine = F[np.arange(len(F)), head.today]
                F[np.arange(len(F)), head.today] = -np.inf
                if ((mine - F.max(axis=1))[part.proved] < -ROOM).any():
                    raise Violation(f"{method.name}: a prediction that is proved to stay changes after {M}, {codes}")
    stored = {name: Array(a.shape, tuple(a.ravel().tolist()), a.dtype.kind) for name, a in part.arrays.items()}
    with ctx.workprec(64):
        found = twin.proved(as_checked(head, rows, count, relabels), stored, "claim", part.proved.tolist())
    if found != part.proved.tolist():
        raise Violation(f"{method.name}: the checker does not follow")
    return "decided"
