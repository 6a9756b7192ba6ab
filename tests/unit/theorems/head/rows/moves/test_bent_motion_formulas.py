"""D24 of motions: how far outputs and weights are said to go, against the formulas of its page, on a few rows."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest

from certify.systems.head.rows.boxes.bends import bends
from certify.systems.head.rows.boxes.slabs import secants
from certify.theorems.head.rows.bent_box import image
from certify.theorems.head.rows.bent_box.image import Bent, bent
from certify.theorems.head.rows.motions.bent import outputs_bent, weights_bent
from tests.unit.theorems.head.rows.bent_box.test_bent_formulas import LONG, SLABS, Array, K, ends, setting

OFF = [{}, {"gradient": 0.1}, {"gradient": 1e-9}, {"gradient": 1e-4}, {"loose": 0.01}, {"stretched": 1.05},
       {"wrong": 0.02}]
POINTS = np.array([[1.0, 1.0], [-0.5, 1.0], [2.0, 0.1], [-0.3, 1.5]])


def proposed(relabels: bool, off: dict[str, float], far: bool) -> Bent:
    """A box of long slabs has rows that pull hard the other way."""
    found = bent(setting(relabels, far=far, **off), replace(LONG if far else SLABS))
    assert found is not None
    return found


def weights(b: Bent) -> tuple[float, float]:
    """The formulas of (b) in floats: with the longest of all sums, and with what D31 makes of it."""
    c, s, X, free = b.at.c, b.at.c.sums, b.at.X, b.at.free
    v = s.S @ X
    length = np.linalg.norm(v, axis=1)
    beta = length * np.abs(bends(c.at, b.slabs.lo, b.slabs.hi) * c.kept).max(axis=0)
    low = np.linalg.inv(curvature_left(b))
    lam = float(np.linalg.eigvals(low @ ((s.S.T * beta) @ s.S)).real.max())
    gamma = np.sqrt(np.linalg.norm(low)) * c.gradient
    away = np.linalg.norm(hessian(b) @ X - np.eye(2)) + b.at.H_off * np.linalg.norm(X)
    E = (0.5 * lam * (1 + 1 / image.TINY) * gamma**2 + np.linalg.norm(X) * c.gradient
         + float(c.kept * length @ (c.at.D_off * b.slabs.all().max(axis=0))) + away * b.reach)
    moved = 0.5 * lam * (1 + image.TINY) * np.sort(b.rho)[-K:].sum()
    ways = [[x] if s.relabels else [x, -b.back * x] for x in b.size]
    longest, square = 0.0, []
    for rows in combinations(range(len(free)), K):
        for pulls in product(*(ways[a] for a in rows)):
            longest = max(longest, float(np.linalg.norm(sum(p * v[free[a]] for a, p in zip(rows, pulls, strict=True)))))
    for a, i in enumerate(free):
        square.append(max(p * p * length[i] ** 2 + max(0.0, *(p * q * v[i] @ v[free[o]] for o in range(len(free))
                                                             if o != a for q in ways[o])) for p in ways[a]))
    return longest + moved + 2 * E, float(np.sqrt(np.sort(square)[-K:].sum())) + moved + 2 * E


def hessian(b: Bent) -> Array:
    c, s = b.at.c, b.at.c.sums
    return np.asarray((s.S.T * (c.kept * c.at.D)) @ s.S + np.diag(s.decay))


def curvature_left(b: Bent) -> Array:
    """`H_low`, of which the prover keeps the inverse alone."""
    c, s = b.at.c, b.at.c.sums
    least = secants(c.at, b.slabs.lo, b.slabs.hi).least
    return np.asarray((s.S.T * (c.kept * least)) @ s.S + np.diag(s.decay))


@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("off", OFF)
def test_weights_go_as_far_as_the_page_says(relabels: bool, off: dict[str, float], far: bool) -> None:
    b = proposed(relabels, off, far)
    found, _ = weights_bent(b)
    least, most = weights(b)
    assert least * (1 - 1e-12) <= found <= most * 1.0003 + 1e-9
    assert relabels or not far or b.back == pytest.approx(1.0)


@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("off", OFF)
def test_outputs_go_as_far_as_the_page_says(relabels: bool, off: dict[str, float], far: bool) -> None:
    """From today's refit, which is none of the centre: what is fixed counts of both ways."""
    b = proposed(relabels, off, far)
    ways = outputs_bent(b, POINTS, lambda: 1.0)
    for j, e in enumerate(POINTS):
        down, up = ends(b, e), ends(b, -e)
        for got, one, other in ((ways.falls[j], down, up), (ways.rises[j], up, down)):
            most = np.sort(one[1] + one[2])[-K:].sum() + one[3] + other[3]
            assert most * (1 - 1e-12) <= got <= most * 1.0003 + 1e-6
