"""Attack on D1h: heads of odd scales, decays and copied rows, every refit without a row in 300 bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import arb, ctx

from certify.prove.changed.each_row import each_left_out
from certify.systems.head.rows.head import Head
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.heads import drawn_head
from tests.oracles.head_refit import BITS, refit


@attack("rows_left_out", "D1", slow=20)
def rows_left_out(rng: np.random.Generator) -> Outcome:
    """Two rows of a head, their refits and the one with all rows: no output lies beyond its ends."""
    loss = ("logistic", "cross_entropy")[int(rng.integers(2))]
    n, d = int(rng.integers(5, 14)), int(rng.integers(1, 4))
    head = drawn_head(rng, loss, n=n, d=d, remaining=bool(rng.random() < 0.5), scale=float(10.0 ** rng.uniform(-3, 3)),
                      decay=float(10.0 ** rng.uniform(-6, 1)), apart=float(rng.choice([0.0, 0.0, 3.0, 10.0])))
    phi, points = head.phi.copy(), head.points.copy()
    if rng.random() < 0.2:
        phi[:, 0] = 0.0  # a column that only evaluation rows have
    elif rng.random() < 0.3:
        phi[: n // 2, 0] = 0.0
    if rng.random() < 0.3:
        points[: min(n, len(points))] = phi[: min(n, len(points))]
    away = 1.0 + 10.0 ** rng.uniform(-12, 0) * rng.standard_normal(head.V.shape)
    head = replace(head, phi=phi, points=points, V=head.V * away)
    rows = np.sort(rng.choice(n, size=2, replace=False))
    ends = each_left_out(head, rows, lambda share: None)
    if ends is None:
        return "refused"
    decided = 0
    held = [((int(row),), ends.low[b], ends.high[b]) for b, row in enumerate(rows)]
    for gone, low, high in [*held, ((), *ends.base)]:
        left = np.delete(head.label, gone)
        if not (np.isfinite(low) & np.isfinite(high)).all():
            continue
        if len(set(left.tolist())) < max(head.k, 2) and head.free_intercept:
            raise Violation("a refit that does not exist has ends")
        decided += 1
        if _beyond(head, gone, low, high):
            raise Violation(f"an output lies beyond its ends without {gone} of {n} rows, {loss}")
    return "decided" if decided else "refused"


def _beyond(head: Head, gone: tuple[int, ...], low: np.ndarray, high: np.ndarray) -> bool:
    """Whether an output of the exact refit lies beyond its ends; of several outputs those with sum 0."""
    with ctx.workprec(BITS):
        mu = arb(head.weight_decay) * (head.n - len(gone) if head.remaining else head.n)
        V = refit(head.phi.tolist(), head.Y.tolist(), head.loss.name, mu, head.decayed.tolist(), gone)
        for x, below, above in zip(head.points.tolist(), low.tolist(), high.tolist(), strict=True):
            z = [sum((w * arb(a) for w, a in zip(row, x, strict=True)), arb(0)) for row in V]
            if head.k > 1:
                mean = sum(z, arb(0)) / head.k
                z = [one - mean for one in z]
            if any(one < arb(a) or one > arb(b) for one, a, b in zip(z, below, above, strict=True)):
                return True
    return False
