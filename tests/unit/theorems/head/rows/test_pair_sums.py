"""Sums for softmax heads (D1f, D2): all refits, blocks of changes, and what has to be refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import enumeration
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.refitted import packed_pairs
from certify.check.theorems.head.rows.refitted.block import Block as WholeBlock
from certify.check.theorems.head.rows.refitted.block import _signed
from certify.check.theorems.head.rows.refitted.packed import HALF, SLOT
from certify.check.theorems.head.rows.refitted.packed import V as UNITS
from certify.check.theorems.head.rows.refitted.packed_pairs import PackedPairs
from certify.check.theorems.head.rows.refitted.packed_softmax import PackedSoftmax
from certify.finders.head.near.own import OwnSteps
from certify.finders.head.refits import Refitter
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import Choices, RowChange, choices_of
from certify.systems.head.rows.paired import Pairs
from certify.theorems.head.rows.enumeration import Enumeration
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.refitted import walk as walking
from certify.theorems.head.rows.refitted.judge_pairs import PairJudge
from certify.theorems.head.rows.refitted.walk import Walk, by_sums
from tests.families.heads import any_rows, ball_head, drawn_head


def softmax(seed, n=14, d=2, free=True, apart=6.0, decay=0.1, scale=1.0, classes=3):
    """A head whose points lie among the classes and beyond."""
    head = drawn_head(np.random.default_rng(seed), "cross_entropy", n=n, d=d, N=9, apart=apart, free=free, decay=decay,
                      scale=scale, classes=classes)
    points = head.points.copy()
    points[:, -2] += scale * 8.0 * (np.arange(len(points)) % head.k)
    return replace(head, points=points)


def read(found):
    """What a checker reads of arrays."""
    return {name: Array(A.shape, tuple(map(float, A.ravel())), A.dtype.kind) for name, A in found.items()}


def proved(head, change, arrays, asked=None):
    with ctx.workprec(BITS):
        return enumeration.proved(ball_head(head, change), arrays, "c", asked or [True] * len(head.points))


def truth(head, change):
    """Which points every refit leaves where they are, in floats, and how near to a tie any of them comes."""
    stays, nearest, refitter = head.today >= 0, np.full(len(head.points), np.inf), Refitter(head)
    own = np.eye(head.k, dtype=bool)[head.today]
    for size in range(change.count + 1):
        for choices in choices_of(head, change, size):
            W = refitter.newton(choices, np.repeat(refitter.V0[None], len(choices), axis=0))
            F = np.einsum("bkm,nm->bnk", W, head.points)
            gap = np.where(own, F, -np.inf).max(axis=2) - np.where(own, -np.inf, F).max(axis=2)
            stays, nearest = stays & (gap > 0).all(axis=0), np.minimum(nearest, np.abs(gap).min(axis=0))
    return stays, nearest


@pytest.mark.parametrize(("seed", "count", "options"), [
    (21, 2, {"classes": 2}), (41, 2, {"n": 15}), (2, 3, {"decay": 0.5, "free": False}), (46, 2, {"decay": 1e3}),
    (3, 2, {"scale": 1e-3, "decay": 1e-7}), (5, 2, {"scale": 30.0, "decay": 50.0, "free": False}),
    (6, 2, {"classes": 4, "n": 16}), (7, 2, {"decay": 1e-6}), (8, 2, {"scale": 1e3, "decay": 1e5}),
])
def test_sums_prove_what_every_refit_does(seed, count, options):
    head = softmax(seed, **options)
    change = any_rows(head, count, True)
    walk = Walk(head, change, head.today >= 0, Budget(), sums=True)
    arrays = walk.all()
    assert ("moved" in arrays) == (options.get("scale", 1.0) < 1e3) and "shares" not in arrays
    clear = walk.clear & ~walk.found.flipped
    stays, nearest = truth(head, change)
    sure = nearest > 1e-9
    assert not (clear & ~stays & sure).any() and not (walk.found.flipped & stays & sure).any()
    assert (clear | ~stays | ~sure).all() or options.get("decay") in (1e-6, 1e5)
    assert proved(head, change, read(arrays), clear.tolist()) == clear.tolist()


@pytest.fixture(scope="module")
def honest():
    """Ten of the rows may change: with all of them each forgery took seconds to refuse, eight times as many choices."""
    head = softmax(6, n=20, d=2, apart=8.0, decay=0.5)
    change = RowChange(True, 3, tuple(range(10)))
    walk = Walk(head, change, head.today >= 0, Budget(), sums=True)
    arrays = walk.all()
    clear = (walk.clear & ~walk.found.flipped).tolist()
    assert proved(head, change, read(arrays), clear) == clear
    return head, change, arrays, clear


def test_some_points_stay_and_many_changes_are_decided_by_the_sums_alone(honest):
    head, change, arrays, clear = honest
    last = change.choices(head, 3)
    assert any(clear) and 0 < len(arrays["moved"]) < 0.6 * last
    assert len(arrays["weights"]) == change.leaves(head) - last


FORGED = {
    "a correction": lambda a: {"units": np.where(np.arange(len(a["units"]))[:, None] == 3, 127, a["units"])},
    "no correction": lambda a: {"moved": a["moved"][:0], "units": a["units"][:0]},
    "other corrections": lambda a: {"units": -a["units"]},
    "another basis": lambda a: {"basis": a["basis"] * np.float32(40)},
    "other weights": lambda a: {"weights": a["weights"] + np.float32(0.5)},
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_weights_prove_less(honest, name):
    head, change, arrays, clear = honest
    found = proved(head, change, read(arrays | FORGED[name](arrays)), clear)
    assert all(was or not now for was, now in zip(clear, found, strict=True))
    if name in ("a correction", "another basis"):
        assert sum(found) < sum(clear)


@pytest.mark.parametrize(("bad", "why"), [
    (lambda a: {"moved": a["moved"][1:]}, "the shapes of moved and units"),
    (lambda a: {"moved": a["moved"][::-1]}, "they do not ascend"),
    (lambda a: {"units": a["units"][:, 1:]}, "the shapes of moved and units"),
    (lambda a: {"basis": a["basis"][1:]}, "basis.*its shape is"),
    (lambda a: {"basis": np.full(a["basis"].shape, 1e300)}, "a weight is too large"),
    (lambda a: {"weights": a["weights"][1:]}, "weights a choice are needed|there are"),
    (lambda a: {"weights": a["weights"] * 1e30}, "a weight is too large"),
    (lambda a: {"shares": np.ones((20, 1))}, "its arrays are"),
    (lambda a: {"units": None}, "its arrays are"),
])
def test_arrays_of_no_sums_are_refused(honest, bad, why):
    head, change, arrays, _ = honest
    given = {name: A for name, A in (arrays | bad(arrays)).items() if A is not None}
    with pytest.raises(Invalid, match=why):
        proved(head, change, read(given))


def test_sums_are_for_few_weights_and_short_inputs():
    head = softmax(0)
    change = any_rows(head, 2, True)
    assert by_sums(head, change, 0) and not by_sums(head, change)
    assert not by_sums(head, any_rows(head, 2, False), 0) and not by_sums(head, any_rows(head, 1, True), 0)
    assert not by_sums(replace(head, points=head.points * 2.0**10), change, 0)
    assert not by_sums(softmax(0, d=25), any_rows(softmax(0, d=25), 2, True), 0)


def test_sums_go_first_where_they_fit_into_the_time(monkeypatch):
    head = softmax(0)
    change = any_rows(head, 2, True)
    monkeypatch.setattr(walking.by_sums, "__defaults__", (0,))
    assert Enumeration().sure(head, change, 1e6) and not Enumeration().sure(head, change, 1e-6)
    assert not Enumeration().sure(head, any_rows(head, 1, True), 1e6)


def test_weights_that_are_no_numbers_or_too_large_are_not_judged():
    head = softmax(0)
    some = Choices(np.array([[0, 1]]), (head.label[:2][None] + 1) % 3)
    for bad in (np.nan, np.inf, 1e9):
        V = np.zeros((1, 3, 3))
        V[0, 0, 0] = bad
        assert not PairJudge(head).keeps(some, V, np.arange(3)).any()


def whole(choices, V):
    both = zip(choices.rows.tolist(), choices.codes.tolist(), strict=True)
    changes = [tuple(zip(r, c, strict=True)) for r, c in both]
    return WholeBlock(list(range(len(V))), changes,
                      [_signed([int(x * 2.0**UNITS) + HALF for x in column]) for column in V.reshape(len(V), -1).T])


def test_a_row_beyond_the_table_is_left_out_by_both():
    """A checker's table ends at 16: what lies there is not judged, and has no part in what others are judged by."""
    head = softmax(3, apart=1.0, decay=1.0)
    refitter = Refitter(head)
    choices = next(choices_of(head, any_rows(head, 1, True), 1)).part(slice(0, 3))
    V = refitter.newton(choices, np.repeat(refitter.V0[None], 3, axis=0))
    V[1] *= 17 / np.abs(head.phi @ V[1].T).max() * 4
    at, alone = Pairs(head).at(V, choices), Pairs(head).at(V[[0, 2]], choices.part(np.array([0, 2])))
    assert at.near.tolist() == [True, False, True] and np.allclose(at.products, alone.products, atol=1e-4)
    with ctx.workprec(BITS):
        pairs = PackedPairs(PackedSoftmax(ball_head(head, any_rows(head, 1, True))))
        block = whole(choices, V)
        mu = pairs.head.mu()
        found = pairs.pulls(block, mu * 0 + 100, mu, ())
        assert found.lost == {1}
        kept = [pairs.keep(block, [j]) for j in range(9)]
    ours = [PairJudge(head).keeps(choices, V, np.array([j])).tolist() for j in range(9)]
    assert any(row[0] for row in kept) and not any(row[1] for row in kept + ours)
    assert (np.array(kept) | ~np.array(ours)).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("off", [0.01, 0.3])
def test_what_the_prover_counts_on_a_checker_finds(seed, off):
    rng, head = np.random.default_rng(seed), softmax(seed, apart=2.0, free=bool(seed % 2), decay=(0.05, 0.5)[seed // 2])
    refitter = Refitter(head)
    choices = next(choices_of(head, any_rows(head, 2, True), 2)).part(slice(0, 60))
    refits = refitter.newton(choices, np.repeat(refitter.V0[None], len(choices), axis=0))
    V = refits + off * rng.normal(size=refits.shape) / np.sqrt(refits[0].size)
    F = np.einsum("bkm,nm->bnk", refits, head.points)
    now, judge = F.argmax(axis=2) == head.today, PairJudge(head)
    with ctx.workprec(BITS):
        pairs = PackedPairs(PackedSoftmax(ball_head(head, any_rows(head, 2, True))))
        for j in range(4):
            for b in range(0, 60, 12):
                part = choices.part(slice(b, b + 12))
                ours = judge.keeps(part, V[b : b + 12], np.array([j]))
                theirs = np.array(pairs.keep(whole(part, V[b : b + 12]), [j]))
                assert (now[b : b + 12, j] | ~(ours | theirs)).all() and (theirs | ~ours).all()


def test_steps_with_its_own_hessian_bring_weights_near():
    head = softmax(1, n=20, decay=1.0, apart=2.0)
    refitter = Refitter(head)
    choices = next(choices_of(head, any_rows(head, 2, True), 2)).part(slice(0, 50))
    refits = refitter.newton(choices, np.repeat(refitter.V0[None], 50, axis=0))
    start = refits + 0.1 * np.random.default_rng(0).normal(size=refits.shape)
    found = OwnSteps(refitter).nearer(choices, start, 4, 6)
    before, after = (np.linalg.norm(refitter.gradients(choices, V).reshape(50, -1), axis=1) for V in (start, found))
    assert np.median(after) < 1e-3 * np.median(before)
    lost = OwnSteps(refitter).nearer(choices, start * np.nan, 1, 1)
    assert np.isnan(lost).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_pull_too_long_for_its_place_decides_nothing(sign, monkeypatch):
    """Of one weight and one change: no product with it is formed, which would run into the change beside it."""
    head = softmax(3, apart=1.0, decay=1.0)
    choices = next(choices_of(head, any_rows(head, 1, True), 1)).part(slice(0, 3))
    V = Refitter(head).newton(choices, np.repeat(Refitter(head).V0[None], 3, axis=0))
    with ctx.workprec(BITS):
        pairs, block = PackedPairs(PackedSoftmax(ball_head(head, any_rows(head, 1, True)))), whole(choices, V)
        mu, longest = pairs.head.mu(), arb(block.longest()) / 2**UNITS
        found = pairs.pulls(block, longest, mu, ())
        form = pairs.forms.hold(found.products, found.fade, mu, 1.5)
        assert any(pairs._within(form, block, found, [j], longest)[1] for j in range(9))
        long = [x + (sign << 62 + SLOT if at == 1 else 0) for at, x in enumerate(found.across)]
        monkeypatch.setattr(packed_pairs, "_cut", None)
        assert pairs._within(form, block, replace(found, across=long), [0], longest) == [False] * 3


def test_steps_from_a_refit_stay_there_where_the_sum_of_intercepts_is_free():
    """What four bytes leave of a gradient along it is no step."""
    head = softmax(1, n=60, decay=1.0, apart=2.0, free=True)
    refitter = Refitter(head)
    choices = next(choices_of(head, any_rows(head, 2, True), 2)).part(slice(0, 50))
    refits = refitter.newton(choices, np.repeat(refitter.V0[None], 50, axis=0))
    found = OwnSteps(refitter, held=True).nearer(choices, refits, 4, 6)
    assert np.abs(found - refits).max() < 1e-3
