"""Containment of what is proved of rows that carry weights (D1, D2, D5, D6): against every refit in long doubles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import arb, ctx

from certify.check.theorems.head.rows import box, box_tree, every_choice
from certify.check.theorems.head.rows.head import BITS
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses import HEAD_LOSSES
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.box import Box
from certify.theorems.head.rows.box_tree import BoxTree
from certify.theorems.head.rows.every_choice import EveryChoice
from certify.theorems.head.rows.method import Budget
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.row_heads import as_checked, stored
from tests.oracles.weighted_refits import changes, codes_of, label_of, refit

METHODS = ((Box(), box), (BoxTree(), box_tree), (EveryChoice(), every_choice))


def weighed_head(rng: np.random.Generator) -> tuple[Head, RowChange]:
    """Few rows, weights that lie far apart or near, weights of the head near its refit."""
    loss = str(rng.choice(["logistic", "logistic", "squared", "cross_entropy"]))
    k, n, p = 3 if loss == "cross_entropy" else 1, int(rng.integers(7, 13)), int(rng.integers(1, 3))
    label = np.append(np.arange(max(k, 2)), rng.integers(0, max(k, 2), n - max(k, 2))).astype(np.int64)
    scale = float(10.0 ** rng.uniform(-2, 2))
    phi = np.hstack([np.round(scale * (rng.normal(size=(n, p)) + label[:, None]), 4), np.ones((n, 1))])
    c = np.exp(rng.uniform(-1, 1, n) * float(rng.choice([0.1, 1.0, 3.0]))) * float(10.0 ** rng.uniform(-6, 6))
    decay = float(c.mean() * scale**2 * 10.0 ** rng.uniform(-2, 0.5))
    decayed = np.array([True] * p + [bool(rng.random() < 0.5)])
    V = refit(loss, phi, label, c, n * decay, decayed, k, ())
    codes = codes_of(loss, k)
    points = np.hstack([scale * (rng.normal(size=(12, p)) * 1.5 + 0.5), np.ones((12, 1))])
    head = Head(phi, np.zeros(n), codes[label], codes, label, HEAD_LOSSES[loss], V, decay, decayed, False, points,
                np.zeros(12), 0.0, RowWeights(c))
    return head, RowChange(bool(rng.random() < 0.5), int(rng.integers(1, 3)), tuple(range(n)))


@attack("rows_with_weights", "D5", slow=20)
def rows_with_weights(rng: np.random.Generator) -> Outcome:
    """What every method proves and the checker follows holds of all refits; arrays of other weights prove no more."""
    head, change = weighed_head(rng)
    assert head.weights is not None and head.label is not None
    c = head.weights.rows
    if not head.decayed.all() and not head.loss.quadratic and change.emptied(head):
        return "refused"
    every = [refit(head.loss.name, head.phi, head.label, c, head.n * head.weight_decay, head.decayed, head.k, one)
             for one in changes(head.n, head.label, max(head.k, 2), change.count, change.relabels)]
    if not all(np.isfinite(V).all() for V in every):
        return "refused"
    labels = [label_of(V, head.points, 1e-7 * float(np.abs(V).max() * np.abs(head.points).max())) for V in every]
    falls = np.any([(own >= 0) & (head.today >= 0) & (own != head.today) for own in labels], axis=0)
    decided, others = False, (head.weights, RowWeights(np.full(head.n, c.mean())), RowWeights(c[::-1].copy()))
    for method, checked in METHODS:
        for weights in others:
            asked = replace(head, weights=weights)
            if method.able(asked, change):
                continue
            part = method.prove(asked, change, head.today >= 0, Budget())
            if part is None or not part.proved.any():
                continue
            if weights is head.weights and (part.proved & falls).any():
                raise Violation(f"{method.name} proves a point that a change of rows flips")
            with ctx.workprec(BITS):
                seen = replace(as_checked(head, change), weights=[arb(x) for x in c.tolist()])
                found = np.array(checked.proved(seen, stored(dict(part.arrays)), method.name, part.proved.tolist()))
            if (found & falls).any():
                raise Violation(f"the checker follows {method.name} to a point that a change of rows flips")
            if weights is head.weights and not found[part.proved].all():
                raise Violation(f"the checker does not follow {method.name}")
            decided = True
    return "decided" if decided else "refused"
