"""Which predictions of a small head stay, by every choice of changed rows refitted.

All at once in long doubles where these say how far outputs may be off and that leaves no doubt, else in 300 bits.
"""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from flint import arb, ctx

from certify.systems.head.rows.change import DELETED, RowChange
from certify.systems.head.rows.head import Head
from tests.families.other_heads import weights_of
from tests.oracles.head_refit import BITS, refit
from tests.oracles.row_refits import GONE, Pairs, Problem, refits


def stays(head: Head, change: RowChange) -> np.ndarray:
    """For each evaluation row: True if its label stays under every choice, False if one flips it."""
    alternatives = {i: change.alternatives(head, i) for i in change.rows}
    choices: list[Pairs] = [tuple((i, GONE if c == DELETED else c) for i, c in zip(rows, codes, strict=True))
                            for size in range(change.count + 1)
                            for rows in combinations(change.rows, size)
                            for codes in product(*(alternatives[i] for i in rows))]
    found, left = in_long_doubles(head, choices)
    for choice in left:
        gone = [i for i, c in choice if c == GONE]
        kept = {i: c for i, c in choice if c != GONE}
        with ctx.workprec(BITS):
            mu = arb(head.weight_decay) * (head.n - len(gone) if head.remaining else head.n)
            own = weights_of(head, gone, kept)
            V = refit(head.phi.tolist(), head.Y.tolist(), head.loss.name, mu, head.decayed.tolist(), gone,
                      {i: head.codes[c].tolist() for i, c in kept.items()}, own)
            for j, x in enumerate(head.points.tolist()):
                f = [sum((v * float(t) for v, t in zip(row, x, strict=True)), arb(0)) for row in V]
                after = int(f[0] > head.threshold) if len(f) == 1 else max(
                    range(len(f)), key=lambda a: float(f[a].mid()))
                found[j] &= after == head.today[j]
    return found


def in_long_doubles(head: Head, choices: list[Pairs]) -> tuple[np.ndarray, list[Pairs]]:
    """Which labels stay under the choices (rows and codes, or GONE) of which that is sure, and the other choices."""
    found = np.asarray(head.today >= 0)
    if head.weights is not None or head.loss.name not in ("squared", "logistic", "cross_entropy"):
        return found, choices
    problem = Problem(head.loss.name, head.phi, head.Y, head.codes, head.label, head.weight_decay, head.decayed,
                      head.remaining)
    with np.errstate(all="ignore"):
        all_of_them = refits(problem, head.points, choices)
        margins = all_of_them.margins(head.today, head.threshold)
        sure = all_of_them.exists & (np.abs(margins) > all_of_them.off).all(axis=1)
    return found & (margins[sure] > 0).all(axis=0), [one for one, clear in zip(choices, sure, strict=True) if not clear]
