"""Which predictions of a small head stay, by every choice of changed rows refitted in 300 bits."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from flint import arb, ctx

from certify.systems.head.rows.change import DELETED, RowChange
from certify.systems.head.rows.head import Head
from tests.families.other_heads import weights_of
from tests.oracles.head_refit import BITS, refit


def stays(head: Head, change: RowChange) -> np.ndarray:
    """For each evaluation row: True if its label stays under every choice, False if one flips it."""
    found = np.ones(len(head.points), dtype=bool)
    alternatives = {i: change.alternatives(head, i) for i in change.rows}
    for size in range(change.count + 1):
        for rows in combinations(change.rows, size):
            for codes in product(*(alternatives[i] for i in rows)):
                gone = [i for i, c in zip(rows, codes, strict=True) if c == DELETED]
                new = {i: head.codes[c].tolist() for i, c in zip(rows, codes, strict=True) if c != DELETED}
                with ctx.workprec(BITS):
                    mu = arb(head.weight_decay) * (head.n - len(gone) if head.remaining else head.n)
                    own = weights_of(head, gone, {i: c for i, c in zip(rows, codes, strict=True) if c != DELETED})
                    V = refit(head.phi.tolist(), head.Y.tolist(), head.loss.name, mu, head.decayed.tolist(), gone, new,
                              own)
                    for j, x in enumerate(head.points.tolist()):
                        f = [sum((v * float(t) for v, t in zip(row, x, strict=True)), arb(0)) for row in V]
                        after = int(f[0] > head.threshold) if len(f) == 1 else max(
                            range(len(f)), key=lambda a: float(f[a].mid()))
                        found[j] &= after == head.today[j]
    return found
