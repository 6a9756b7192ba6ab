"""The checker refuses trees of pairs that cover less than they say."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows import pair_tree
from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.pair_tree.method import PairTrees
from tests.effort import FULL
from tests.families.logistic_heads import as_checked, logistic_head, margins, stored

Arrays = dict[str, np.ndarray]


@cache
def example(count: int) -> tuple[Head, Arrays, tuple[bool, ...]]:
    """A tree with children and bounds."""
    for seed in range(60):
        head = logistic_head(np.random.default_rng([seed, 5]), 14, decay=3.0)
        part = PairTrees().prove(head, RowChange(False, count, tuple(range(14))), head.today >= 0, Budget())
        assert part is not None
        if part.proved.sum() > 2 and len(part.arrays["parent"]) > 2 and part.arrays["box_count"][0]:
            return head, dict(part.arrays), tuple(part.proved.tolist())
    raise AssertionError("no such example was drawn")


def found(head: Head, arrays: Arrays, count: int, asked: tuple[bool, ...], relabels: bool = False) -> list[bool]:
    with ctx.workprec(64):
        twin = as_checked(head, tuple(range(head.n)), count, relabels)
        return pair_tree.proved(twin, stored(arrays), "claim", list(asked))


@pytest.mark.parametrize("count", [2, 3])
def test_the_honest_tree_is_accepted(count: int) -> None:
    head, arrays, asked = example(count)
    assert found(head, arrays, count, asked) == list(asked)


@pytest.mark.parametrize("count", [2, 3])
def test_more_deletions_than_the_tree_is_for(count: int) -> None:
    head, arrays, asked = example(count)
    try:
        answer = found(head, arrays, count + 1, asked)
    except Invalid:  # the levels do not fit
        return
    least = np.min(list(margins(head, tuple(range(head.n)), count + 1, False).values()), axis=0)
    assert not (np.array(answer) & (least <= 0)).any()  # a small tree may be one for more rows, if it is true


def test_labels_are_not_deleted_rows() -> None:
    head, arrays, asked = example(2)
    least = np.min(list(margins(head, tuple(range(head.n)), 2, True).values()), axis=0)
    assert not (np.array(found(head, arrays, 2, asked, relabels=True)) & (least <= 0)).any()
    with pytest.raises(Invalid, match="for two labels"):
        found(head, arrays, 3, asked, relabels=True)


def test_arrays_of_boxes_and_codes_out_of_range_are_refused() -> None:
    head, arrays, asked = example(2)
    with pytest.raises(Invalid, match="second"):
        found(head, {**arrays, "second": np.full((1, len(asked)), -1.0)}, 2, asked)
    with pytest.raises(Invalid, match="code"):
        found(head, {**arrays, "slabs": arrays["slabs"] + len(TABLE)}, 2, asked)


def test_a_missing_child_proves_no_point_that_needs_it() -> None:
    head, arrays, asked = example(2)
    assert (arrays["numbers"][0] > 0).any()
    numbers = np.where(arrays["numbers"] > 0, arrays["hot_count"][0], arrays["numbers"])
    kept = len(arrays["parent"]) - 1
    boxes, leaves = int(arrays["box_count"][:kept].sum()), int(arrays["leaf_count"][:kept].sum())
    cut = {**arrays, "numbers": numbers, "slabs": arrays["slabs"][:boxes], "box": arrays["box"][:boxes],
           "leaf": arrays["leaf"][:leaves], "leaf_weights": arrays["leaf_weights"][:leaves]}
    for name in ("parent", "branch", "weights", "hot_count", "box_count", "leaf_count"):
        cut[name] = arrays[name][:kept]
    answer = found(head, cut, 2, asked)
    assert not any(yes for yes, number in zip(answer, numbers[0], strict=True) if number > 0)


def test_margins_that_move_farther_than_stated_prove_nothing() -> None:
    head, arrays, asked = example(2)
    assert not any(found(head, {**arrays, "slabs": np.zeros_like(arrays["slabs"])}, 2, asked))


def test_a_smaller_number_of_hot_rows_proves_nothing_new() -> None:
    """A point that needs hot rows apart is not proved without them."""
    head, arrays, asked = example(3)
    needs = arrays["numbers"][0]
    without = {**arrays, "numbers": np.where(np.arange(len(arrays["numbers"]))[:, None] == 0, np.minimum(needs, 0),
                                             arrays["numbers"])}
    answer = found(head, without, 3, asked)
    assert (needs > 0).any() and not any(yes for yes, number in zip(answer, needs, strict=True) if number > 0)


def test_another_centre_and_a_smaller_decay_prove_nothing() -> None:
    head, arrays, every = example(2)
    few = np.flatnonzero(every)[: None if FULL else 4]  # of a point that stays open all choices are looked at
    asked = [j in few for j in range(len(every))]
    assert any(asked)
    away = arrays["weights"].copy()
    away[0] += 3.0
    assert not any(found(head, {**arrays, "weights": away}, 2, asked))
    with ctx.workprec(64):
        twin = dataclasses.replace(as_checked(head, tuple(range(head.n)), 2, False), decay=arb(1e-6))
        assert not any(pair_tree.proved(twin, stored(arrays), "claim", list(asked)))


@pytest.mark.parametrize(("size", "decay"), [(1e160, 1.0), (1e-158, 1e-320)])
def test_rows_and_decays_that_doubles_do_not_hold_prove_nothing(size: float, decay: float) -> None:
    head, arrays, asked = example(2)
    far = dataclasses.replace(head, phi=head.phi * size)
    with ctx.workprec(64):
        twin = dataclasses.replace(as_checked(far, tuple(range(head.n)), 2), decay=arb(decay))
        assert not any(pair_tree.proved(twin, stored(arrays), "claim", list(asked)))


def test_growth_that_doubles_do_not_hold_proves_nothing() -> None:
    """A first step carries the margin of a long row 126 beyond 0: squares of what is said of pairs are infinite."""
    n, long, zero = 40, 1e6, np.zeros
    phi, y = np.c_[np.full(n, 1e-3), np.ones(n)], -np.ones(n)
    phi[:2, 0], y[:2] = (long, 1.0), 1.0
    w = np.array([[27.0 / long, -5.0]])
    head = Head(phi, zero(n), y[:, None], np.array([[-1.0], [1.0]]), ((y + 1) // 2).astype(np.int64), LogisticHead(),
                w, long / 130.0 / n, np.ones(2, bool), False, np.array([[0.1, 1.0]]), zero(1))
    none, one = zero(0, np.int64), np.ones(1, np.int64)
    arrays = {"parent": -one, "branch": -one, "weights": w, "hot_count": one, "hot": one, "numbers": 0 * one[None],
              "box_count": one, "box": 0 * one, "slabs": np.full((1, n), 2000), "leaf_count": 0 * one, "leaf": none,
              "leaf_weights": zero((0, 2))}
    assert found(head, arrays, 4, (True,)) == [False]
