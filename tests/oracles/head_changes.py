"""Which predictions of a tiny head stay, by every way in which its rows can change, of those that a rule allows.

A way gives every row nothing, a deletion or a label; the rule is a sentence about a whole way. It shares nothing with
the code that counts choices out.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from flint import arb, ctx

from certify.systems.head.rows.head import Head
from tests.oracles.head_refit import BITS, refit
from tests.oracles.head_rows import in_long_doubles
from tests.oracles.row_refits import Pairs

KEPT, GONE = None, -1
Way = tuple[int | None, ...]
"""For every row `KEPT`, `GONE` or the label that it gets, another than its own."""


def ways(head: Head, allowed: Callable[[Way], bool]) -> list[Way]:
    """All that a rule allows."""
    labels = range(len(head.codes)) if head.codes is not None else ()
    own = head.label.tolist() if head.label is not None else [KEPT] * head.n
    every = product(*([KEPT, GONE, *(c for c in labels if c != own[i])] for i in range(head.n)))
    return [way for way in every if allowed(way)]


def stays(head: Head, allowed: Callable[[Way], bool]) -> np.ndarray:
    """For each evaluation row: whether its label is that of today after every way that is allowed."""
    every: list[Pairs] = [tuple((i, c) for i, c in enumerate(way) if c is not KEPT) for way in ways(head, allowed)]
    found, left = in_long_doubles(head, every)
    for choice in left:
        gone = [i for i, c in choice if c == GONE]
        new = {i: head.codes[c].tolist() for i, c in choice if c != GONE}
        with ctx.workprec(BITS):
            mu = arb(head.weight_decay) * (head.n - len(gone) if head.remaining else head.n)
            V = refit(head.phi.tolist(), head.Y.tolist(), head.loss.name, mu, head.decayed.tolist(), gone, new)
            for j, x in enumerate(head.points.tolist()):
                f = [sum((v * float(t) for v, t in zip(row, x, strict=True)), arb(0)) for row in V]
                after = int(f[0] > head.threshold) if len(f) == 1 else max(
                    range(len(f)), key=lambda a: float(f[a].mid()))
                found[j] &= after == head.today[j]
    return found
