"""Rows and points of which the sums are doubles with few bits, or none: what these lose is not forgotten."""

from __future__ import annotations

import dataclasses
from importlib import import_module

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.theorems.head.in_doubles import doubles, raised
from certify.check.theorems.head.rows.boxes.fixed_rows import few
from certify.check.theorems.head.rows.boxes.second import _largest
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.theorems.head.rows.box import Box
from certify.theorems.head.rows.box_tree import BoxTree
from certify.theorems.head.rows.method import Budget
from tests.families.logistic_heads import Array, as_checked, margins, refit, stored

SCALES = [(0, 0), (20, -1030), (10, -1050), (100, -872), (200, -672), (511, -52)]
"""Exponents of the training rows and of the points."""

METHODS = {"box": Box, "box_tree": BoxTree}


def close(n: int, relabels: bool, count: int) -> tuple[Head, Array]:
    """A head without an offset, points near its boundary with few bits, and the least margin of each."""
    rng = np.random.default_rng(0)
    X, v = rng.standard_normal((n, 2)), rng.standard_normal(2)
    y = np.where(X @ v + 0.7 * rng.standard_normal(n) > 0, 1.0, -1.0)
    y[:2] = 1.0, -1.0
    points = np.round(rng.standard_normal((3000, 2)) * 64) / 64
    points = points[np.abs(points).max(axis=1) > 0]
    w = refit(X * y[:, None], np.ones(n), np.ones(2))
    head = Head(X, np.zeros(n), y[:, None], np.array([[-1.0], [1.0]]), ((y + 1) // 2).astype(np.int64), LogisticHead(),
                w[None], 1.0 / n, np.ones(2, bool), False, points, np.zeros(len(points)))
    refits = margins(head, tuple(range(n)), count, relabels)
    least, base = np.min(list(refits.values()), axis=0), refits[()]
    near = np.argsort(np.where(least <= 0, -least / base, np.inf))[:25]
    near = np.r_[near, np.argsort(np.where(least > 0, least / base, np.inf))[:25], np.argsort(-least / base)[:10]]
    return dataclasses.replace(head, points=points[near], points_rad=np.zeros(len(near))), least[near]


@pytest.mark.parametrize(("name", "relabels", "count"), [("box", False, 1), ("box", True, 1), ("box_tree", False, 2)])
def test_no_point_that_is_flipped_is_proved_at_any_scale(name: str, relabels: bool, count: int) -> None:
    """The same problem in other units, with the honest method's weights: what flips flips, and some points stay."""
    n = 12 if count == 1 else 9
    head, least = close(n, relabels, count)
    rows = tuple(range(n))
    part = METHODS[name]().prove(head, RowChange(relabels, count, rows), head.today >= 0, Budget())
    assert part is not None and part.proved.any() and (least <= 0).sum() >= 25
    checker = import_module(f"certify.check.theorems.head.rows.{name}")
    found = []
    for s, e in SCALES:
        arrays = dict(part.arrays)
        for key in {"weights", "leaf_weights"} & set(arrays):
            arrays[key] = np.ldexp(arrays[key], -s)
        if "numbers" in arrays:
            arrays["numbers"] = np.maximum(arrays["numbers"], 0)  # for all points, those too that it was not made for
        if "second" in arrays:
            arrays["second"] = np.ldexp(arrays["second"], e - s)
        one = dataclasses.replace(head, phi=np.ldexp(head.phi, s), points=np.ldexp(head.points, e))
        twin = as_checked(one, rows, count, relabels)
        twin = dataclasses.replace(twin, decay=arb(2) ** (2 * s) / n, biased=False, today=head.today.tolist())
        with ctx.workprec(64):
            found.append(np.array(checker.proved(twin, stored(arrays), "claim", [True] * len(least))))
    assert found[0].sum() > 5 and sum(answer.any() for answer in found) > 3
    assert not any((answer & (least <= 0)).any() for answer in found)


@pytest.mark.parametrize("e", [0, -1000, -1060, -1073, -1080, -3000, 1020, 3000])
def test_few_bits_of_a_matrix_are_as_near_as_they_say(e: int) -> None:
    rng = np.random.default_rng(3)
    M = arb_mat(rng.standard_normal((3, 40)).tolist()) * arb(2) ** e
    found = few(M, 3)
    off = (arb_mat(found.mat) * arb(2) ** found.unit - M).entries()
    assert sum(x * x for x in off) <= found.off ** 2
    assert found.off <= arb(2) ** (e - 20)


def test_doubles_of_balls_keep_their_bits() -> None:
    for e in (0, 899, 2000, -899, -1040, -1073, -5000):
        M = arb_mat([[3, -5], [7, 0]]) * arb(2) ** e
        values, moved = doubles(M)
        assert all(arb(2) ** moved * v == x for v, x in zip(values, M.entries(), strict=True))
    for x in (arb(2) ** -5000, arb("1e-320"), arb("0.1"), arb(3) * arb(2) ** -1075, arb(10) ** 300):
        assert raised(x.upper()) > x


@pytest.mark.parametrize("e", [0, -1060, -1080, 1020])
def test_products_of_what_lies_in_two_ranges_are_not_below_the_largest(e: int) -> None:
    for seed in range(50):
        rng = np.random.default_rng(seed)
        x, d, low, high = (float(v) for v in (rng.normal(), abs(rng.normal()), -abs(rng.normal()), abs(rng.normal())))
        found = _largest(arb(x) * arb(2) ** e, arb(d) * arb(2) ** e, (low, high))
        with ctx.workprec(400):
            assert all(found >= (arb(x) + s * arb(d)) * end * arb(2) ** e for s in (-1, 0, 1) for end in (low, high))
