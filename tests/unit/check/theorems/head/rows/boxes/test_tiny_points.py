"""Evaluation rows whose squares underflow: their lengths are not 0, so their margins are not above everything."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows import box_tree, pair_tree
from certify.check.theorems.head.rows.boxes.fixed_rows import length_above
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.pair_tree.method import PairTrees
from tests.families.logistic_heads import as_checked, logistic_head, margins, stored

TINY = 1e-170
ROWS = tuple(range(14))


def small(head: Head) -> Head:
    """The same with points whose squares underflow."""
    return dataclasses.replace(head, points=head.points * TINY)


def test_a_length_is_above_the_root_of_what_underflows() -> None:
    for r in (5e-324, 1e-300, 1e-162, 1e-150, 1.0, 1e150):
        assert r <= length_above(arb(r) ** 2, 0.0, 0.0) <= r * (1 + 1e-8) + 1e-150
        assert r <= length_above(arb(0), 1.0, r)
    assert length_above(arb("nan"), 0.0, 1.0) == float("inf")


@pytest.mark.parametrize("seed", [0, 8])
def test_single_steps_prove_no_tiny_point_that_is_flipped(seed: int) -> None:
    """A node with k = 1 and nothing but its centre: points, and the same as small as numbers are."""
    head = logistic_head(np.random.default_rng([seed, 777]), 14, points=12, decay=100.0)
    least = np.min(list(margins(head, ROWS, 1).values()), axis=0)
    none = np.zeros(0, int)
    arrays = {"parent": np.array([-1]), "branch": np.array([0]), "weights": head.V, "hot_count": np.array([0]),
              "hot": none, "numbers": none.reshape(0, 12), "box_count": np.array([0]), "box": none,
              "slabs": none.reshape(0, 14), "leaf_count": np.array([0]), "leaf": none,
              "leaf_weights": np.zeros((0, head.m))}
    with ctx.workprec(64):
        found = [box_tree.proved(dataclasses.replace(as_checked(one, ROWS, 1), today=head.today.tolist()),
                                 stored(arrays), "claim", [True] * 12) for one in (head, small(head))]
    assert (least <= 0).any() and any(found[0])
    assert not any(((least <= 0) & np.array(answer)).any() for answer in found)


@pytest.mark.parametrize("seed", [0, 6])
def test_pairs_prove_no_tiny_point_that_is_flipped(seed: int) -> None:
    """A tree that is stated for all points, those too that it was not made for."""
    head = logistic_head(np.random.default_rng([seed, 777]), 14, points=12, decay=3.0)
    least = np.min(list(margins(head, ROWS, 2).values()), axis=0)
    part = PairTrees().prove(head, RowChange(False, 2, ROWS), head.today >= 0, Budget())
    assert part is not None and part.proved.any()
    arrays = {**part.arrays, "numbers": np.maximum(part.arrays["numbers"], 0)}
    with ctx.workprec(64):
        found = [pair_tree.proved(dataclasses.replace(as_checked(one, ROWS, 2), today=head.today.tolist()),
                                  stored(arrays), "claim", [True] * 12) for one in (head, small(head))]
    assert (least <= 0).any() and any(found[0])
    assert not any(((least <= 0) & np.array(answer)).any() for answer in found)
