"""Refits checked many at once in whole numbers: never more than what balls prove, and nearly as much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import norm
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import enumeration
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.refitted.packed import CELL, CELLS, LAST, SLOPE, Packed, fits, table
from certify.check.theorems.head.rows.refitted.packed_softmax import UNIT, PackedSoftmax, exponentials
from certify.check.theorems.head.rows.refitted.refit import labels_after
from certify.finders.head.refits import Refitter
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import choices_of
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.refitted.walk import Walk
from tests.containment.packed import CASES, given, require
from tests.effort import turn
from tests.families.heads import any_rows, ball_head, drawn_head


def batches(seed, off, free=None, relabels=True, count=1, scale=1.0, threshold=0.0, loss="logistic"):
    rng = np.random.default_rng(seed)
    head = drawn_head(rng, loss, n=12 if loss == "logistic" else 9, d=3, N=10, apart=2.0, free=free, scale=scale)
    head = replace(head, threshold=threshold)
    change = any_rows(head, count, relabels)
    for size in range(count + 1):
        for choices in choices_of(head, change, size):
            V = Refitter(head).solve(choices)
            V = V + off * rng.normal(size=V.shape)
            some = [tuple(zip(r.tolist(), c.tolist(), strict=True))
                    for r, c in zip(choices.rows, choices.codes, strict=True)]
            yield head, change, some, V.reshape(len(V), -1).tolist()


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize(("seed", "off"), [(seed, off) for number, off in enumerate((0.0, 1e-3, 3e-2, 1.0))
                                           for seed in turn(range(4), number, 2)])
def test_what_is_kept_balls_keep_and_what_they_keep_clearly_is_kept(seed, off, relabels):
    missed = proved = 0
    scale = (1.0, 1e3, 1e-2, 30.0)[seed % 4]
    for head, change, some, V in batches(seed, off, relabels=relabels, count=2, scale=scale, threshold=seed % 3 / 4):
        with ctx.workprec(BITS):
            balls = ball_head(head, change)
            assert fits(balls)
            packed = Packed(balls)
            labels = labels_after(balls, some, V)
            for j in range(len(head.points)):
                if balls.today[j] < 0:
                    continue
                truth = [row[j] == balls.today[j] for row in labels]
                found = packed.keep(some, V, [j])
                assert not any(f and not t for f, t in zip(found, truth, strict=True))
                missed += sum(t and not f for f, t in zip(found, truth, strict=True))
                proved += sum(found)
    if off == 0.0 and scale == 1.0:
        assert missed <= 0.1 * (proved + missed) and proved


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize(("seed", "off"), turn([(0, 0.0), (1, 1e-3), (2, 3e-2), (3, 0.0), (4, 1e-2), (5, 0.3)], 0, 2))
def test_what_is_kept_of_a_softmax_balls_keep(seed, off, relabels):
    missed = proved = 0
    scale = (1.0, 30.0, 1e-2)[seed % 3]
    for head, change, some, V in batches(seed, off, relabels=relabels, scale=scale, loss="cross_entropy"):
        with ctx.workprec(BITS):
            balls = ball_head(head, change)
            assert fits(balls)
            softmax, labels = PackedSoftmax(balls), labels_after(balls, some, V)
            for j in range(len(head.points)):
                truth = [balls.today[j] >= 0 and row[j] == balls.today[j] for row in labels]
                found = softmax.keep(some, V, [j]) if balls.today[j] >= 0 else [False] * len(some)
                assert not any(f and not t for f, t in zip(found, truth, strict=True))
                missed += sum(t and not f for f, t in zip(found, truth, strict=True))
                proved += sum(found)
    if off == 0.0 and scale == 1.0:
        assert missed <= 0.1 * (proved + missed) and proved


def test_the_exponentials_are_those_of_the_middles_of_all_cells():
    with ctx.workprec(BITS):
        found = exponentials()
        assert len(found) == CELLS
        for c in (0, 1, CELLS // 2 - 1, CELLS // 2, CELLS // 3, CELLS - 1):
            truth = (arb(2 * c + 1) / 2 ** (CELL + 1) - LAST).exp() * 2**UNIT
            assert abs(truth - found[c]) <= 1.001 + truth * arb(2) ** -40


def test_all_points_are_kept_together_where_each_is():
    for head, change, some, V in batches(3, 0.0, free=True):
        with ctx.workprec(BITS):
            balls = ball_head(head, change)
            packed, which = Packed(balls), [j for j in range(len(head.points)) if balls.today[j] >= 0]
            each = [packed.keep(some, V, [j]) for j in which]
            assert packed.keep(some, V, which) == [all(column) for column in zip(*each, strict=True)]


def test_the_table_holds_the_slope_at_the_middle_of_every_cell_to_a_unit():
    with ctx.workprec(BITS):
        found = table()
        assert len(found) == CELLS and found == sorted(found, reverse=True)
        for c in (0, 1, CELLS // 2 - 1, CELLS // 2, CELLS // 3, CELLS - 1):
            t = arb(2 * c + 1) / 2 ** (CELL + 1) - LAST
            assert abs(arb(found[c]) - 2**SLOPE / (1 + t.exp())) < 1.001


@pytest.mark.parametrize("far", [1e6, 1e30, 1e300])
def test_weights_beyond_what_64_bits_hold_are_left_to_balls(far):
    for head, change, some, V in batches(0, 0.0):
        with ctx.workprec(BITS):
            balls = ball_head(head, change)
            V[0] = [far] * len(V[0])
            labels = labels_after(balls, some, V)
            kept = Packed(balls).keep(some, V, [0])
            assert not kept[0] and all(row[0] == balls.today[0] for row, ok in zip(labels, kept, strict=True) if ok)


def test_weights_of_another_change_are_not_kept():
    # with the weights of the data as they are, a changed row leaves a gradient as long as its input
    head, change, some, V = next(iter(batches(1, 0.0, free=False)))
    changed, _, more, _ = list(batches(1, 0.0, free=False))[1]
    with ctx.workprec(BITS):
        packed = Packed(ball_head(head, change))
        size = np.linalg.norm(head.phi, axis=1).min() / 4 / head.mu()[0]
        near = np.abs(head.points @ np.array(V[0])) < np.linalg.norm(head.points, axis=1) * size
        assert changed.n == head.n and near.any()
        for j in np.flatnonzero(near).tolist():
            assert not any(packed.keep(more, V * len(more), [j]))


def test_the_squared_loss_and_infinite_inputs_do_not_fit():
    head = drawn_head(np.random.default_rng(0), "squared")
    change = any_rows(head, 1, True)
    assert not fits(ball_head(head, change))
    head = drawn_head(np.random.default_rng(0), "logistic")
    balls = ball_head(head, any_rows(head, 1, True))
    assert fits(balls) and not fits(replace(balls, sizes=[arb("inf"), *balls.sizes[1:]]))


@pytest.mark.parametrize("name", CASES)
def test_no_refit_is_farther_than_is_said_where_one_error_alone_makes_it(name):
    assert require(CASES[name]()) <= 1


@pytest.mark.parametrize("loss", ["logistic", "cross_entropy"])
def test_inputs_that_are_all_zero_have_their_bound(loss):
    k = 1 if loss == "logistic" else 2
    head = given(loss, [[0.0, 0.0]] * 2, [0, 1], 0.1, [[1.0, 1.0]], k=k, threshold=0.5 if k == 1 else 0.0)
    for x in (arb(0), arb(0, 1e-30)):
        with ctx.workprec(BITS):
            balls = ball_head(head, any_rows(head, 1, True))
            phi = arb_mat([[x, x], [x, x]])
            sizes = [norm(row).upper() for row in phi.tolist()]
            balls = replace(balls, phi=phi, rows=phi.tolist(), sizes=sizes)
            assert fits(balls)
            kept = (Packed if k == 1 else PackedSoftmax)(balls).keep([((0, 1),)], [[0.0, 0.0] * k], [0])
            assert kept == [k == 1]  # 0 stays below a threshold of 1/2; of two outputs none is the larger


@pytest.mark.parametrize("loss", ["logistic", "cross_entropy"])
def test_evaluation_rows_beyond_what_64_bits_hold_do_not_fit(loss):
    k = 1 if loss == "logistic" else 2
    head = given(loss, [[1.0, 0.0], [1.0, 2.0]], [0, 1], 0.1, [[1e303, 1.0]], k=k)
    with ctx.workprec(BITS):
        assert not fits(ball_head(head, any_rows(head, 1, True)))


@pytest.mark.parametrize("loss", ["logistic", "cross_entropy"])
def test_nothing_is_kept_without_decay_of_the_rows_that_are_left(loss):
    k = 1 if loss == "logistic" else 2
    head = given(loss, [[1.0, 0.0]], [0], 0.1, [[1.0, 0.0]], k=k, remaining=True)
    with ctx.workprec(BITS):
        balls = ball_head(head, any_rows(head, 1, False))
        packed = (Packed if k == 1 else PackedSoftmax)(replace(balls, today=[0]))
        assert packed.keep([((0, -1),)], [[-1.0, 0.0, 1.0, 0.0][: 2 * k]], [0]) == [False]


def counted(seed=0, relabels=True, again=None, exact=None, forget=()):
    """The arrays of a walk, for the checker, with some exchanged."""
    rng = np.random.default_rng(seed)
    head = drawn_head(rng, "logistic", n=12, d=3, N=10, apart=2.0, free=False, decay=0.1)
    change = any_rows(head, 1, relabels)
    walk = Walk(head, change, head.today >= 0, Budget())
    found = {"weights": walk.all()["weights"]}
    number = [0, 3] if again is None else again
    found["again"] = np.array(number)
    found["exact"] = found["weights"].astype(float)[[0, 3]] if exact is None else np.array(exact)
    arrays = {name: Array(A.shape, tuple(map(float, A.ravel())), A.dtype.kind) for name, A in found.items()
              if name not in forget}
    with ctx.workprec(BITS):
        balls = ball_head(head, change)
        return walk.clear & (walk.found.flips().point < 0), enumeration.proved(balls, arrays, "c", [True] * 10)


def test_weights_that_are_used_again_prove_the_same():
    clear, found = counted()
    assert any(found) and found == clear.tolist()


def test_far_weights_that_are_used_again_prove_nothing():
    _, found = counted(again=[0], exact=[[1e3, -1e3, 1e3, 1e3]])
    assert not any(found)


@pytest.mark.parametrize(("bad", "why"), [
    ({"again": [0, 13]}, "it names choice 13"),
    ({"again": [0, -1]}, "it names choice -1"),
    ({"again": [3, 3]}, "2 entries name 1 choices"),
    ({"again": [0.0, 3.0]}, "the shapes of again and exact"),
    ({"again": [[0, 3]]}, "the shapes of again and exact"),
    ({"again": [0]}, "the shapes of again and exact"),
    ({"exact": [[0.0] * 3] * 2}, "the shapes of again and exact"),
    ({"forget": ("again",)}, "its arrays are exact, weights"),
    ({"forget": ("exact",)}, "its arrays are again, weights"),
    ({"forget": ("weights",)}, "its arrays are again, exact"),
])
def test_weights_of_no_choice_are_refused(bad, why):
    with pytest.raises(Invalid, match=why):
        counted(**bad)
