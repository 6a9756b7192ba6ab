"""Weights of the largest changes by sums of those of smaller ones (D1c, D2): all refits, and what has to be refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from weakref import ref

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.limits.shares import among
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import enumeration
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.refitted import last
from certify.check.theorems.head.rows.refitted.block import Block as WholeBlock
from certify.check.theorems.head.rows.refitted.block import Sums as WholeSums
from certify.check.theorems.head.rows.refitted.block import _signed, ones
from certify.check.theorems.head.rows.refitted.held import SHARES, averages_of, farthest, hold
from certify.check.theorems.head.rows.refitted.packed import HALF, Packed
from certify.check.theorems.head.rows.refitted.packed import V as UNITS
from certify.check.theorems.head.rows.refitted.packed_held import PackedHeld
from certify.finders.head.refits import Refitter
from certify.format.refusal import Invalid
from certify.systems.head.rows.averaged import Averages
from certify.systems.head.rows.averaged import farthest as farthest_of
from certify.systems.head.rows.change import Choices, choices_of
from certify.systems.head.rows.tabled import Table
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.refitted.judge import Judge
from certify.theorems.head.rows.refitted.sums import Sums
from certify.theorems.head.rows.refitted.walk import Walk
from tests.effort import FULL, turn
from tests.families.heads import any_rows, ball_head, drawn_head


def logistic(seed, n=11, free=None, apart=3.0, decay=0.1, scale=1.0, threshold=0.0):
    rng = np.random.default_rng(seed)
    head = drawn_head(rng, "logistic", n=n, d=3, N=12, apart=apart, free=free, decay=decay, scale=scale)
    return replace(head, threshold=threshold)


def read(found):
    """What a checker reads of arrays."""
    return {name: Array(A.shape, tuple(map(float, A.ravel())), A.dtype.kind) for name, A in found.items()}


def proved(head, change, arrays, asked=None):
    with ctx.workprec(BITS):
        return enumeration.proved(ball_head(head, change), arrays, "c", asked or [True] * len(head.points))


def truth(head, change):
    """Which points every refit leaves where they are, in floats, and how near to a tie any of them comes."""
    stays, nearest, refitter = head.today >= 0, np.full(len(head.points), np.inf), Refitter(head)
    for size in range(change.count + 1):
        for choices in choices_of(head, change, size):
            W = refitter.newton(choices, np.repeat(refitter.V0[None], len(choices), axis=0))
            F = W[:, 0] @ head.points.T - head.threshold
            stays = stays & ((F > 0) == (head.today == 1)).all(axis=0)
            nearest = np.minimum(nearest, np.abs(F).min(axis=0))
    return stays, nearest


@pytest.mark.parametrize(("seed", "count", "options"), [
    (0, 2, {"free": True}), (1, 2, {"free": False}), (2, 3, {"free": True}), (3, 3, {"free": False}),
    (4, 2, {"free": True, "scale": 1e3, "decay": 1e3}), (5, 2, {"free": False, "scale": 1e-3, "decay": 1e-6}),
    (6, 2, {"free": True, "threshold": 0.3}), (7, 4, {"free": True, "n": 8}), (8, 2, {"free": True, "decay": 1e-6}),
])
def test_sums_prove_what_every_refit_does(seed, count, options):
    head = logistic(seed, **options)
    change = any_rows(head, count, True)
    walk = Walk(head, change, head.today >= 0, Budget(), sums=True)
    arrays = walk.all()
    assert set(arrays) >= {"weights", "shares", "basis", "moved", "units"}
    clear = walk.clear & ~walk.found.flipped
    stays, nearest = truth(head, change)
    sure = nearest > 1e-9 * (1 + np.abs(head.points @ head.V[0]))
    assert not (clear & ~stays & sure).any() and not (walk.found.flipped & stays & sure).any()
    assert (clear | ~stays | ~sure).all()
    assert proved(head, change, read(arrays), clear.tolist()) == clear.tolist()


def firm(seed=1):
    """A head some of whose points stay."""
    return logistic(seed, n=12, free=True, apart=8.0, decay=0.5)


def test_some_points_stay_and_some_are_decided_by_the_sums_alone():
    head = firm()
    change = any_rows(head, 3, True)
    walk = Walk(head, change, head.today >= 0, Budget(), sums=True)
    arrays = walk.all()
    decided = change.choices(head, 3) - len(arrays["moved"]) - len(arrays.get("again", ()))
    assert (walk.clear & ~walk.found.flipped).any() and decided > 20 and len(arrays["moved"])


@pytest.mark.parametrize(("seed", "off"), [(seed, off) for number, off in enumerate((0.01, 0.3, 2.0))
                                           for seed in turn(range(6), number, 2)])
def test_no_label_is_kept_that_is_another_one(seed, off):
    rng = np.random.default_rng(seed)
    head = logistic(seed, apart=1.0, free=bool(seed % 2), decay=(0.01, 0.1, 1.0)[seed % 3], threshold=0.1 * (seed % 2))
    refitter = Refitter(head)
    choices = next(choices_of(head, any_rows(head, 2, True), 2))
    refits = refitter.newton(choices, np.repeat(refitter.V0[None], len(choices), axis=0))
    near = refits + off * np.linalg.norm(refits) / np.sqrt(refits.size) * rng.normal(size=refits.shape)
    now = (refits[:, 0] @ head.points.T > head.threshold) == (head.today == 1)
    judge, some = Judge(head, refitter.V0), np.arange(4)
    with ctx.workprec(BITS):
        balls = ball_head(head, any_rows(head, 2, True))
        held = PackedHeld(Packed(balls), averages_of(judge.averages.shares.astype(float).ravel().tolist(), head.n))
    for b in range(0, len(choices), 5):
        part, W = choices.part(slice(b, b + 1)), near[b : b + 1]
        whole = WholeBlock([b], [tuple(zip(part.rows[0].tolist(), part.codes[0].tolist(), strict=True))],
                           [_signed([int(x * 2.0**UNITS) + HALF]) for x in W.ravel()])
        with ctx.workprec(BITS):
            for j in some:
                ours, theirs = judge.keeps(part, W, np.array([j]))[0], held.keep(whole, [int(j)])[0]
                assert not (ours or theirs) or now[b, j]
                assert theirs or not ours  # what the prover counts on a checker finds


@pytest.mark.parametrize("free", [True, False])
def test_the_ball_about_half_the_pull_holds_the_refit_and_is_not_idle(free):
    head, sharpest = logistic(3, free=free, apart=1.0), 0.0
    refitter, rng, table = Refitter(head), np.random.default_rng(1), Table(head)
    choices = next(choices_of(head, any_rows(head, 1, True), 1))
    averages = Averages(head, np.full(head.n, 0.2))
    refits = refitter.newton(choices, np.repeat(refitter.V0[None], len(choices), axis=0))[:, 0]
    for off in (0.003, 0.03, 0.3):
        for b in range(len(choices)):
            W = refits[b] + off * rng.normal(size=head.m)
            at = table.at(W[:, None], choices.part(slice(b, b + 1)))
            held = averages.hold(at.curvature, 1.0, head.mu())
            G = held.lengths(at.gradient)[0]
            if G + at.error * held.per_error >= held.reach:
                continue
            middle = W - (held.inverse @ at.gradient)[:, 0] / 2
            directions = rng.normal(size=(head.m, 200))
            bound = held.lengths(directions) * (G / 2 + at.error * held.per_error)
            move = np.abs((refits[b] - middle) @ directions)
            assert (move <= bound).all()
            sharpest = max(sharpest, float((move / bound).max()))
    assert sharpest > (0.5 if free else 0.3)


def test_curvature_that_dies_out_is_counted():
    for x in (1e-6, 0.01, 0.2, 0.5, 0.62, 0.7, 3.0):
        z = farthest_of(np.array([x]))[0]
        with ctx.workprec(BITS):
            w = float(farthest(x * ball_one()))
        for y in (z, w):
            M = y * (1 - np.exp(-y)) if y <= 1 else y - np.exp(-1)
            assert x <= M <= 1.02 * x + 1e-9


def ball_one():
    from flint import arb

    return arb(1)


@pytest.mark.parametrize(("count", "each"), [(2, 1), (3, 1), (4, 1), (2, 2), (3, 2)])
def test_sums_are_those_of_all_smaller_changes_in_the_order_of_the_choices(count, each):
    n, rng = 6, np.random.default_rng(count)
    items = [(row, code) for row in range(n) for code in range(each)]
    sets = [[one for one in combinations(items, size) if len({row for row, _ in one}) == size]
            for size in range(count + 1)]
    weights = [np.round(rng.normal(size=(len(level), 1, 3)), 3) for level in sets[:-1]]
    known = {one: w for level, some in zip(sets, weights, strict=False) for one, w in zip(level, some, strict=True)}
    expected = np.array([sum((-1) ** (count - 1 - size) * known[part] for size in range(count)
                              for part in combinations(one, size)) for one in sets[count]])
    ours = Sums(n, each, count, weights)
    assert [ours.place(one) for one in sets[count - 1]] == list(range(len(sets[count - 1])))
    found = np.concatenate([ours.family(one) for one in sets[count - 1] if one[-1][0] < n - 1])
    assert np.allclose(found, expected)
    flat = np.concatenate([w.reshape(len(w), 3) for w in weights]).ravel().tolist()
    theirs = WholeSums(list(range(10, 10 + n)), [list(range(each))] * n, count, flat, 3)
    blocks = list(theirs.blocks())
    assert [x for block in blocks for x in block.numbers] == list(range(len(expected)))
    assert [c for block in blocks for c in block.changes] == [tuple((10 + r, c) for r, c in one) for one in sets[count]]
    columns = np.concatenate([np.array([[x - HALF for x in column] for column in block.lists()]).T for block in blocks])
    assert np.allclose(columns / 2.0**UNITS, expected[:, 0], atol=2.0**-20)


def test_rows_may_have_more_than_one_mark():
    block = WholeBlock([4, 5, 6], [((0, 1), (2, 0)), ((0, 1), (3, 0)), ((1, 0), (2, 0))],
                       [_signed([HALF - 3, HALF + 5, HALF])])
    assert block.marks()[0, 1] == ones(2) and block.marks()[2, 0] == 1 + (1 << 128)
    assert block.longest() >= 5 and 3 <= block.longest({5}) < 5


@pytest.fixture(scope="module")
def honest():
    head = firm()
    change = any_rows(head, 3, True)
    walk = Walk(head, change, head.today >= 0, Budget(), sums=True)
    arrays = walk.all()
    arrays.setdefault("again", np.zeros(0, np.int64))
    arrays.setdefault("exact", np.zeros((0, head.m)))
    clear = (walk.clear & ~walk.found.flipped).tolist()
    assert proved(head, change, read(arrays), clear) == clear
    return head, change, arrays, clear


FORGED = {
    "a correction": lambda a, n: {"units": np.where(np.arange(len(a["units"]))[:, None] == 3, 127, a["units"])},
    "no correction": lambda a, n: {"moved": a["moved"][:0], "units": a["units"][:0]},
    "other corrections": lambda a, n: {"units": -a["units"]},
    "another basis": lambda a, n: {"basis": a["basis"] * np.float32(40)},
    "other weights": lambda a, n: {"weights": a["weights"] + np.float32(0.5)},
    "averages of nothing": lambda a, n: {"shares": np.zeros_like(a["shares"])},
}


@pytest.mark.parametrize("seed", [5146, 5191, 5206])
def test_curvature_of_a_block_is_shared_out_as_it_was_for_the_prover(seed):
    n, apart, decay = {5146: (13, 9.0, 0.45484912272583017), 5191: (12, 14.0, 1.5565174102376846),
                       5206: (13, 14.0, 0.48505004828295434)}[seed]
    head = logistic(seed, n=n, free=True, apart=apart, decay=decay, threshold=0.0 if seed == 5206 else 0.2)
    change = any_rows(head, 3, True)
    walk = Walk(head, change, head.today >= 0, Budget(), sums=True)
    arrays = walk.all()
    clear = (walk.clear & ~walk.found.flipped).tolist()
    assert any(clear) and proved(head, change, read(arrays), clear) == clear


@pytest.mark.parametrize("name", FORGED)
def test_forged_weights_prove_less(honest, name):
    head, change, arrays, clear = honest
    found = proved(head, change, read(arrays | FORGED[name](arrays, head.n)), clear)
    stays, _ = truth(head, change)
    assert sum(found) <= sum(clear) and not (np.array(found) & ~stays).any()
    assert sum(clear)
    if name in ("a correction", "another basis", "other weights", "averages of nothing"):
        assert sum(found) < sum(clear)


@pytest.mark.forks
def test_any_number_of_processes_says_the_same(honest, monkeypatch):
    head, change, arrays, clear = honest
    monkeypatch.setattr(last, "TOGETHER", 3)
    for new in ({}, FORGED["other weights"](arrays, head.n), FORGED["averages of nothing"](arrays, head.n)):
        found = []
        for jobs in (1, 3) if new and not FULL else (1, 2, 3):
            with among(jobs):
                found.append(proved(head, change, read(arrays | new), clear))
        assert all(one == found[0] for one in found) and (found[0] == clear) == (not new)


def test_one_process_holds_one_block_at_a_time(honest, monkeypatch):
    head, change, arrays, clear = honest
    seen, most = [], []
    blocks = WholeSums.blocks

    def watched(self):
        for block in blocks(self):
            seen.append(ref(block))
            most.append(sum(one() is not None for one in seen))
            yield block

    monkeypatch.setattr(WholeSums, "blocks", watched)
    for jobs in (1, 2):
        with among(jobs):
            assert proved(head, change, read(arrays), clear) == clear
        assert len(most) > 2 and (max(most) <= 2) == (jobs == 1)
        seen.clear()
        most.clear()


@pytest.mark.parametrize(("bad", "why"), [
    (lambda a: {"moved": a["moved"][1:]}, "the shapes of moved and units"),
    (lambda a: {"moved": a["moved"].astype(float)}, "the shapes of moved and units"),
    (lambda a: {"moved": a["moved"][::-1]}, "they do not ascend"),
    (lambda a: {"moved": np.r_[a["moved"][:-1], 220]}, "they do not ascend, or name no change"),
    (lambda a: {"moved": np.r_[-1, a["moved"][1:]]}, "they do not ascend, or name no change"),
    (lambda a: {"units": a["units"][:, 1:]}, "the shapes of moved and units"),
    (lambda a: {"units": np.full(a["units"].shape, 2**50)}, "a weight is too large"),
    (lambda a: {"basis": a["basis"][1:]}, "basis.*its shape is"),
    (lambda a: {"basis": np.full(a["basis"].shape, 1e300)}, "a weight is too large"),
    (lambda a: {"shares": a["shares"][1:]}, "shares.*its shape is"),
    (lambda a: {"shares": a["shares"] * np.float32(1.01)}, "shares of every row are needed that add up to 1"),
    (lambda a: {"shares": a["shares"][:, :0]}, "shares.*its shape is"),
    (lambda a: {"weights": a["weights"][1:]}, "weights a choice are needed|there are"),
    (lambda a: {"weights": np.vstack([a["weights"], a["weights"][:1]])}, "there are 79 choices"),
    (lambda a: {"weights": a["weights"] * 1e30}, "a weight is too large"),
    (lambda a: {"again": np.array([299]), "exact": np.zeros((1, 4))}, "it names choice 299"),
    (lambda a: {"again": np.array([79 + a["moved"][0]]), "exact": np.zeros((1, 4))}, "units correct it"),
    (lambda a: {"shares": None}, "its arrays are"),
    (lambda a: {"units": None}, "its arrays are"),
])
def test_arrays_of_no_sums_are_refused(honest, bad, why):
    head, change, arrays, _ = honest
    given = {name: A for name, A in (arrays | bad(arrays)).items() if A is not None}
    with pytest.raises(Invalid, match=why):
        proved(head, change, read(given))


def test_sums_are_for_two_and_more_labels(honest):
    head, _, arrays, _ = honest
    for change in (any_rows(head, 1, True), any_rows(head, 2, False)):
        size = 1 + (12 if change.count == 2 else 0)
        with pytest.raises(Invalid, match="two or more labels of a logistic head"):
            proved(head, change, read(arrays | {"weights": arrays["weights"][:size]}))


def test_shares_are_whole_numbers_that_add_up_to_one_at_most():
    assert averages_of([0.5, -0.5, 0.25, 0.0], 2) == [[1 << SHARES - 1, 1 << SHARES - 2], [-(1 << SHARES - 1), 0]]
    assert averages_of([0.75, -0.5, 0.25, 0.0], 2) is None


def test_many_changes_of_labels_of_a_logistic_head_are_summed():
    head = logistic(0)
    few = any_rows(head, 2, True)
    assert not Walk(head, few, head.today >= 0, Budget()).summed
    assert Walk(head, few, head.today >= 0, Budget(), sums=True).summed
    assert not Walk(head, any_rows(head, 2, False), head.today >= 0, Budget(), sums=True).summed
    assert not Walk(head, any_rows(head, 1, True), head.today >= 0, Budget(), sums=True).summed


def test_weights_beyond_a_checkers_whole_numbers_are_stored_one_by_one():
    head = logistic(0, scale=1e-9, decay=1e-18, free=False)
    change = any_rows(head, 2, True)
    walk = Walk(head, change, head.today >= 0, Budget(), sums=True)
    arrays = walk.all()
    assert np.abs(arrays["weights"]).max() > 2.0**27 and "moved" not in arrays
    assert len(arrays["weights"]) == change.leaves(head)


def test_choices_of_a_block_are_not_judged_where_weights_are_no_numbers():
    head = logistic(0)
    judge = Judge(head, head.V)
    some = Choices(np.array([[0, 1]]), np.array([[1, 1]]))
    for bad in (np.nan, np.inf, 1e9):
        assert not judge.keeps(some, np.full((1, 1, head.m), bad), np.arange(3)).any()


def first_average(free, signs):
    """The form that a first average with shares of these signs holds, and a second one of all rows."""
    head = logistic(4, free=free, decay=0.5)
    with ctx.workprec(BITS):
        ball = ball_head(head, any_rows(head, 2, True))
        shares = [[int(s * 2 ** (SHARES - 1)) for s in signs], [2 ** (SHARES - 1)] * head.n]
        rows = [[int(float(x.mid()) * 2**20) for x in row] for row in ball.rows]
        return hold(ball, [2**20] * head.n, arb(2) ** -26, shares, rows, 20, arb(2) ** -20, ball.mu(), 1.0)


def test_the_first_average_has_the_intercept_1_where_that_is_free():
    """What an error is worth rests on it: shares of both signs once let a forged label pass."""
    alike, mixed = [1] * 11, [1, -1] * 5 + [1]
    assert first_average(True, alike) is not None and first_average(True, [-s for s in alike]) is None
    assert first_average(True, mixed) is None
    assert first_average(False, alike) is not None and first_average(False, mixed) is not None


@pytest.mark.parametrize("share", [1e305, -1.5, float("inf"), float("nan")])
def test_a_share_that_is_none_is_refused(share):
    assert averages_of([share, 0.0], 1) is None and averages_of([1.0, 0.0], 1) is not None
