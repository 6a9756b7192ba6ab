"""Attack on ranges of combinations of weights of squared-loss heads (D3, D23): every change in rationals."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

import numpy as np
from flint import fmpq_mat

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.moves.squared_ranges import deleted_ranges, label_ranges
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.squared_heads import SmallHead, as_head, small_head
from tests.oracles import squared_head as oracle


def every_refit(small: SmallHead, head: Head, change: RowChange) -> Iterator[fmpq_mat | None]:
    """The exact weights after every change of at most so many rows; None where they are not unique."""
    mu, decayed, n = Fraction(head.weight_decay) * head.n, small.decayed.tolist(), head.n
    phi, Y = small.phi.tolist(), small.Y.tolist()
    may = [[c for c in range(len(small.codes)) if c != own and i in change.rows] for i, own in enumerate(small.label)]
    for m in range(change.count + 1):
        if change.relabels:
            yield from (oracle.refit(phi, T, mu, decayed) for T in oracle.relabelled(Y, small.codes.tolist(), may, m))
            continue
        for gone in combinations(change.rows, m):
            left = [i for i in range(n) if i not in gone]
            yield oracle.refit([phi[i] for i in left], [Y[i] for i in left], mu, decayed) if left else (
                fmpq_mat(len(decayed), len(Y[0])) if all(decayed) else None)


def values(W: fmpq_mat, A: np.ndarray) -> list[Fraction]:
    """The combinations, exactly."""
    flat = [Fraction(int(W[a, c].p), int(W[a, c].q)) for c in range(W.ncols()) for a in range(W.nrows())]
    return [sum((Fraction(x) * w for x, w in zip(a, flat, strict=True)), Fraction(0)) for a in A.tolist()]


@attack("heads_squared_ranges", "D3", "D23", slow=4)
def ranges(rng: np.random.Generator) -> Outcome:
    """Single weights, and combinations of several outputs, against every change; few rows may change, or all."""
    outputs, relabels = int(rng.choice([1, 1, 3])), bool(rng.random() < 0.5)
    small = small_head(rng, int(rng.integers(3, 7)), outputs, 1)
    head, n, count = as_head(small), len(small.phi), int(rng.integers(1, 3))
    rows = tuple(sorted(rng.choice(n, int(rng.integers(count, n + 1)), replace=False).tolist()))
    change, size = RowChange(relabels, count, rows), head.k * head.m
    more = rng.normal(size=(2, size)) * 10.0 ** rng.integers(-6, 7, size=(2, 1))
    more[0, int(rng.integers(size))] = 0.0
    A = np.vstack([np.eye(size), more, np.zeros((1, size))])
    found = (label_ranges if relabels else deleted_ranges)(head, change, A, Budget(20.0))
    if found is None or not (np.isfinite(found.lower) | np.isfinite(found.upper))[:-1].any():
        return "refused"
    least: list[Fraction] = []
    most: list[Fraction] = []
    for W in every_refit(small, head, change):
        if W is None:
            if not relabels and (np.isfinite(found.lower[A.any(axis=1)]).any()):
                raise Violation("a refit is not unique, and an end is stated")
            return "refused"
        now = values(W, A)
        least, most = ([pick(old, new) for old, new in zip(ends or now, now, strict=True)]
                       for ends, pick in ((least, min), (most, max)))
    for j, (low, high) in enumerate(zip(least, most, strict=True)):
        ends = found.lower[j], found.reached_lower[j], found.reached_upper[j], found.upper[j]
        if ends[0] > low or ends[1] < low or ends[2] > high or ends[3] < high:
            raise Violation(f"{j}: the ends {ends} are stated, [{float(low)}, {float(high)}] is exact")
        if any(len(set(some)) > count or not set(some) <= set(rows) for some in (found.lower_rows[j],
                                                                                found.upper_rows[j])):
            raise Violation(f"{found.lower_rows[j]} or {found.upper_rows[j]} are no {count} of {rows}")
    return "decided"
