"""Squared-loss heads on which D4e loses nothing: rows on two axes, exact duplicates, and what deletions leave is a sum.

Each case is asked twice: with a threshold just inside the least output that deletions reach, which has to be proved,
and just past it, which must not be. A checker that forgets any term proves both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

import numpy as np
from flint import ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.squared_aside import proved
from tests.families.squared_heads import SmallHead, as_checked, as_head

NEAR = Fraction(1, 10**4)
"""Relative distance of a threshold from the least output."""


@dataclass(frozen=True)
class Axes:
    """Rows on two axes, one output; row i of axis b is `a_b` and has the target `a_b e_b`.

    Attributes:
        g: rows of each axis.
        m: deletions.
        aside, moving: rows set aside, and those that may go.
        mu: of all rows.
        a, e: sizes of rows and of the evaluation row on each axis.
        remaining: whether the decay is shared by the rows that remain.
    """

    g: tuple[int, int]
    m: int
    aside: tuple[int, ...]
    moving: tuple[int, ...]
    mu: float = 1.0
    a: tuple[float, float] = (1.0, 0.5)
    e: tuple[float, float] = (1.0, 0.75)
    remaining: bool = False


AXES = {
    "duplicates": Axes((4, 1), 2, (), (0, 1, 2, 3), 8.0),
    "duplicates, three go": Axes((5, 1), 3, (), (0, 1, 2, 3, 4), 20.0),
    "one set aside": Axes((3, 3), 1, (3,), (2, 3), e=(0.001, 1.0)),
    "one set aside, of another axis": Axes((2, 3), 1, (0,), (0, 2), a=(2.0, 1.0), e=(1.0, 0.001)),
    "remaining": Axes((4, 1), 2, (), (0, 1, 2, 3), 8.0, remaining=True),
    "remaining, one set aside": Axes((3, 3), 1, (3,), (2, 3), e=(0.001, 1.0), remaining=True),
}
OUTPUTS = {"two outputs": (4, 2, 8.0), "two outputs, three go": (5, 3, 20.0)}
"""Duplicates, how many go, and the decay."""


def answers(name: str) -> tuple[bool, bool]:
    """Whether the checker proves a case just inside of the truth, and just past it."""
    inside, past = (_of_axes(AXES[name], gap) if name in AXES else _of_outputs(*OUTPUTS[name], gap)
                    for gap in (NEAR, -NEAR))
    return inside, past


def _sets(aside: tuple[int, ...], decays: int) -> dict[str, Array]:
    """One set of rows for each weight decay, for the first evaluation row."""
    whole = {"trees": [1] * decays, "lengths": [len(aside), 1] * decays, "order": list(aside) * decays,
             "points": [0] * decays}
    return {name: Array((len(v),), tuple(v), "i") for name, v in whole.items()}


def _least(case: Axes, axis: list[int]) -> Fraction:
    """The least output that deletions reach: on each axis that of a ridge regression of equal rows."""
    n, free = len(axis), [sum(axis[i] == b for i in case.moving) for b in (0, 1)]
    found = []
    for size in range(case.m + 1) if case.remaining else (case.m,):
        mu = Fraction(case.mu) / n * ((n - size) if case.remaining else n)
        for gone in product(*(range(f + 1) for f in free)):
            if sum(gone) == size or sum(gone) < size and not case.remaining:
                weights = [(g - d) * Fraction(a) ** 2 for g, d, a in zip(case.g, gone, case.a, strict=True)]
                found.append(sum((Fraction(e) ** 2 * w / (w + mu) for e, w in zip(case.e, weights, strict=True)),
                                 Fraction(0)))
    return min(found)


def _of_axes(case: Axes, gap: Fraction) -> bool:
    axis = [0] * case.g[0] + [1] * case.g[1]
    phi, y = np.zeros((len(axis), 3)), np.zeros((len(axis), 1))
    for i, b in enumerate(axis):
        phi[i, b], y[i, 0] = case.a[b], case.a[b] * case.e[b]
    small = SmallHead(phi, y, np.array([[-1.0], [1.0]]), np.zeros(len(axis), dtype=np.int64), case.mu,
                      np.ones(3, dtype=bool), np.array([[*case.e, 0.0]]), np.array([1]),
                      float(_least(case, axis) * (1 - gap)))
    head = as_head(small, case.remaining)
    with ctx.workprec(BITS):
        twin = replace(as_checked(small, head, case.moving, case.m, False), today=[1])
        return proved(twin, _sets(case.aside, case.m + 1 if case.remaining else 1), "claim", [True])[0]


def _of_outputs(g: int, m: int, mu: float, gap: Fraction) -> bool:
    """Duplicates whose targets are ±½, beside a row of another axis that pulls the second output up."""
    high = float(Fraction(g - m) / (Fraction(g - m) + Fraction(mu)) * (1 - gap) * (1 + Fraction(mu)))
    phi, Y = np.zeros((g + 1, 3)), np.zeros((g + 1, 2))
    phi[:g, 0] = phi[g, 1] = 1.0
    Y[:g], Y[g, 1] = [0.5, -0.5], high
    small = SmallHead(phi, Y, Y[[0, g]], np.r_[np.zeros(g, dtype=np.int64), 1], mu, np.ones(3, dtype=bool),
                      np.array([[1.0, 1.0, 0.0]]), np.array([0]), 0.0)
    with ctx.workprec(BITS):
        twin = replace(as_checked(small, as_head(small), tuple(range(g)), m, False), today=[0])
        return proved(twin, _sets((), 1), "claim", [True])[0]
