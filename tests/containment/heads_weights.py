"""Containment of the ranges of weights (D1): after every deletion or change of a label the weights lie within them."""

from __future__ import annotations

import numpy as np
from flint import arb, ctx

from certify.finders.head.refits import Refitter
from certify.systems.head.rows.change import DELETED, Choices, RowChange, choices_of
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.moves.counted_ranges import Ranges
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.heads import drawn_head
from tests.oracles.head_refit import BITS, refit


def exact(head: Head, A: np.ndarray, rows: list[int], codes: list[int]) -> list[arb]:
    """The combinations after one change, in 300 bits."""
    gone = [row for row, code in zip(rows, codes, strict=True) if code == DELETED]
    new = {row: head.codes[code].tolist() for row, code in zip(rows, codes, strict=True) if code != DELETED}
    with ctx.workprec(BITS):
        n = head.n - len(gone) if head.remaining else head.n
        V = refit(head.phi.tolist(), head.Y.tolist(), head.loss.name, arb(head.weight_decay) * n,
                  head.decayed.tolist(), gone, new)
        flat = [x for row in V for x in row]
        return [sum((arb(a) * x for a, x in zip(row, flat, strict=True)), arb(0)) for row in A.tolist()]


@attack("ranges_of_weights", "D1", slow=20)
def ranges_of_weights(rng: np.random.Generator) -> Outcome:
    """Drawn changes of small heads of every loss against both ends, and the rows named against what they reach."""
    loss = ("squared", "logistic", "cross_entropy")[int(rng.integers(3))]
    head = drawn_head(rng, loss, n=int(rng.integers(5, 10)), remaining=bool(rng.random() < 0.5),
                      scale=float(10.0 ** rng.uniform(-2, 2)))
    change = RowChange(bool(rng.random() < 0.5), 1, tuple(range(head.n)))
    A = np.vstack([np.eye(head.k * head.m), rng.normal(size=(2, head.k * head.m))])
    ranges, refitter = Ranges(A, head), Refitter(head)
    for size in (0, 1):
        for choices in choices_of(head, change, size):
            V = refitter.solve(choices)
            ranges.take(choices.rows, V, enclose_refits(head, choices, V))
    if not (np.isfinite(ranges.low).all() and np.isfinite(ranges.high).all()):
        return "refused"
    one = int(rng.integers(len(A)))
    drawn: Choices = next(iter(choices_of(head, change, 1, at_once=1 << 20)))
    place = int(rng.integers(len(drawn)))
    values = exact(head, A, drawn.rows[place].tolist(), drawn.codes[place].tolist())
    if any(value < arb(low) or value > arb(high) for value, low, high in zip(
            values, ranges.low.tolist(), ranges.high.tolist(), strict=True)):
        raise Violation(f"a weight leaves its range after row {drawn.rows[place]} changes")
    if not change.relabels:  # a row that is relabelled may get one of several labels
        low, high = (exact(head, A, list(rows[one]), [DELETED] * len(rows[one]))[one]
                     for rows in (ranges.low_rows, ranges.high_rows))
        if low > arb(float(ranges.reached_low[one])) or high < arb(float(ranges.reached_high[one])):
            raise Violation("the rows named do not reach the end")
    return "decided"
