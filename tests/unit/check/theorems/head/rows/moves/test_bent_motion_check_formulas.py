"""D24 of motions, derived again: how far outputs and weights go, on four rows, against the formulas of its page."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.bent_box.linear import Bent
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.moves import bent
from tests.unit.check.theorems.head.rows.bent_box.test_bent_box_formulas import (
    FREE,
    LONG,
    POINTS,
    ROWS,
    SHORT,
    THETA,
    Array,
    Formulas,
    setting,
)

K = 2
GIVEN = [(relabels, slabs, away, loose) for relabels in (False, True) for slabs in (SHORT, LONG)
         for away in (1e-9, 1e-3, 0.1, 3.0) for loose in (0.0, 0.01)]


def given(relabels: bool, slabs: Array, away: float, loose: float) -> tuple[Bent, Formulas]:
    """What slabs say, and the formulas; as if `c_iD_i` were so far off."""
    f = Formulas(relabels, slabs, away)
    b = setting(relabels, slabs, away)
    return (replace(b, bent=(loose * f.far).tolist()) if loose else b), f


def longest(b: Bent, v: Array) -> tuple[float, float]:
    """The longest sum of pulls, and what D31 makes of it."""
    ways = [[x] if b.c.sums.relabels else [x, -b.back * x] for x in b.pull]
    most, square = 0.0, []
    for rows in combinations(range(len(FREE)), K):
        for pulls in product(*(ways[a] for a in rows)):
            most = max(most, float(np.linalg.norm(sum(p * v[FREE[a]] for a, p in zip(rows, pulls, strict=True)))))
    for a, i in enumerate(FREE):
        square.append(max(p * p * v[i] @ v[i] + max(0.0, *(p * q * v[i] @ v[FREE[o]] for o in range(len(FREE))
                                                          if o != a for q in ways[o])) for p in ways[a]))
    return most, float(np.sqrt(np.sort(square)[-K:].sum()))


@pytest.mark.parametrize(("relabels", "slabs", "away", "loose"), GIVEN)
def test_weights_go_as_far_as_the_page_says(relabels: bool, slabs: Array, away: float, loose: float) -> None:
    with ctx.workprec(BITS):
        b, f = given(relabels, slabs, away, loose)
        v = ROWS @ np.linalg.inv(f.H)
        length = np.linalg.norm(v, axis=1)
        beta = length * np.maximum(np.abs(f.bends).max(axis=0), np.abs(np.array(b.mid)) + b.half)
        share = 1.001 * float(np.linalg.eigvals(np.linalg.solve(f.low, (ROWS.T * beta) @ ROWS)).real.max())
        found = bent._weights(b, share)
        assert bent._weights(b, 0.99 * share) == np.inf
    E = (0.5 * share * (1 + 1 / THETA) * b.rest**2 + np.linalg.norm(np.linalg.inv(f.H)) * np.linalg.norm(f.gradient)
         + length @ np.array(b.bent))
    moved = 0.5 * share * (1 + THETA) * np.sort(f.q)[-K:].sum()
    least, most = longest(b, v)
    assert (least + moved + 2 * E) * (1 - 1e-9) <= found <= (most + moved + 2 * E) * 1.001 + 1e-9


def outputs(b: Bent, points: Array, share: float, monkeypatch: pytest.MonkeyPatch) -> float:
    """What the checker makes of some points."""
    with ctx.workprec(BITS):
        norms = [arb(float(np.linalg.norm(e))) * (1 + arb(2) ** -50) for e in points]
        seen: Any = SimpleNamespace(rows=points.tolist(), norms=norms)
        monkeypatch.setattr(bent, "oriented", lambda head, where: (None, seen))
        return bent._outputs(None, b, (share,) * (2 * len(points)), "claim")  # type: ignore[arg-type]


@pytest.mark.parametrize(("relabels", "slabs", "away", "loose"), GIVEN)
def test_outputs_go_as_far_as_the_page_says(relabels: bool, slabs: Array, away: float, loose: float,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    """From today's refit, which is none of the centre: what is fixed counts twice, and both ways count."""
    b, f = given(relabels, slabs, away, loose)
    every = []
    for e in POINTS:
        share, least, most = 1.05 * max(f.along(e)[2], f.along(-e)[2]) + 0.01, 0.0, 0.0
        for sign in (1.0, -1.0):
            x, beta, _ = f.along(sign * e)
            pull = f.size * np.maximum(np.maximum(x[FREE], -f.back * x[FREE]), 0.0) + 0.5 * share * (1 + THETA) * f.q
            # any bends not below the true ones will do
            low, high = (pull + (0.0 if relabels else 0.5) * f.gone**2 * np.maximum(room - beta[FREE], 0.0)
                         for room in (-5e-3, 1e-6))
            fixed = (0.5 * share * (1 + 1 / THETA) * b.rest**2
                     + np.linalg.norm(np.linalg.solve(f.H, e)) * b.gradient + np.abs(x) @ np.array(b.bent))
            least, most = (max(so, float(np.sort(each)[-K:].sum() + 2 * fixed))
                           for so, each in ((least, low), (most, high)))
        found = outputs(b, e[None, :], share, monkeypatch)
        assert least * (1 - 1e-9) <= found <= most * 1.002 + 1e-9
        assert outputs(b, -e[None, :], share, monkeypatch) == pytest.approx(found, rel=1e-9)
        every.append(share)
    together = outputs(b, POINTS, max(every), monkeypatch)
    assert together == max(outputs(b, e[None, :], max(every), monkeypatch) for e in POINTS)


