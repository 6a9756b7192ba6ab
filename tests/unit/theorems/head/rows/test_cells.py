"""D8: cells without a refit that flips, held against 300 bits; covers against every choice refitted; forged covers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import cells as checker
from certify.finders.head.cells import Frame, frame
from certify.finders.head.refits import Refitter
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.cells import Cells, margins_of
from certify.theorems.head.rows.cover import tree
from certify.theorems.head.rows.cover.plane import (
    Cell,
    Held,
    _decay,
    excluded,
    plane_of,
    spread_of,
    starts_inside,
)
from certify.theorems.head.rows.method import Budget
from tests.effort import some, turn
from tests.families.heads import any_rows, ball_head, drawn_head
from tests.oracles.head_rows import stays
from tests.oracles.hyperplane import Hyperplane

SEEDS = 5
"""Of twelve drawn planes one in so many: one of another scale, one with a column of another size, and a plain one."""


def drawn_plane(seed, crooked):
    """A head in margins, a point, and a frame whose origin and columns miss the hyperplane by so much."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 3))
    scale = float(10.0 ** rng.integers(-4, 5)) if seed % 3 == 0 else 1.0
    head = drawn_head(rng, "logistic", n=int(rng.integers(4, 11)), d=d, apart=2.0, scale=scale,
                      decay=float(10.0 ** rng.uniform(-2, 0)))
    if seed % 4 == 1:  # one column of another size
        head.phi[:, 0] *= 1e-3
        head.points[:, 0] *= 1e-3
    change = RowChange(bool(rng.random() < 0.5), int(rng.integers(1, 4)), tuple(range(int(rng.integers(2, head.n)))))
    margins, off = margins_of(head, change)
    e, level = head.points[0].copy(), float(rng.choice([0.0, 0.5]))
    f = frame(margins, e, level, Refitter(head).V0[0])
    j = int(np.argmax(np.abs(e)))
    B = f.B * (1 + crooked * rng.normal(size=f.B.shape))
    w0 = f.w0 + crooked * rng.normal(size=f.w0.shape) * (np.arange(len(e)) == j) / max(abs(e[j]), 1.0)
    return rng, margins, Frame(w0, B, f.across, f.low, f.high), e, level, off


@pytest.mark.parametrize("seed", some(range(12), SEEDS))
@pytest.mark.parametrize("crooked", [0.0, 1e-9, 1e-3])
def test_every_point_of_an_excluded_cell_has_more_pull_than_changes_add(seed, crooked):
    rng, margins, f, e, level, off = drawn_plane(seed, crooked)
    at = plane_of(margins, f, e, level, off)
    true, q = Hyperplane.of(margins, f, e, level), f.B.shape[1]
    assert at is not None
    for _ in range(2):
        y, v = rng.normal(size=q) * 2, rng.normal(size=q)
        kappa = float(rng.choice([0.0, 1.0]) * rng.random())
        if true.surplus(y.tolist(), v.tolist(), kappa) < 0:
            v = -v
        shape = rng.random(q) + 0.1
        t = max((t for t in 2.0 ** np.arange(-18, 5, 0.25) if excluded(margins, at, Cell(y, shape * t, v, kappa))),
                default=0.0)
        for corner in (*product((-1.0, 0.0, 1.0), repeat=q), *rng.uniform(-1, 1, size=(4, q))):
            point = (y + np.array(corner) * shape * t).tolist()
            assert t == 0.0 or true.surplus(point, v.tolist(), kappa) > 0


@pytest.mark.parametrize("seed", some(range(12), SEEDS))
def test_a_cell_of_one_point_is_excluded_just_where_the_pull_is_larger(seed):
    # nothing but rounding lies between them, and of a frame that is off what it is off by
    rng, margins, f, e, level, off = drawn_plane(seed, 0.0)
    at = plane_of(margins, f, e, level, off)
    true, q, seen = Hyperplane.of(margins, f, e, level), f.B.shape[1], 0
    for _ in range(40):
        y, v = rng.normal(size=q), rng.normal(size=q)
        more, found = true.surplus(y.tolist(), v.tolist(), 0.0), excluded(margins, at, Cell(y, np.zeros(q), v, 0.0))
        size = float(np.abs(at.C @ v).sum()) + 1.0
        assert not found or more > 0
        assert found or more < 1e-6 * size
        seen += found
    assert seen or margins.count >= 2


@pytest.mark.parametrize("seed", some(range(12), SEEDS))
@pytest.mark.parametrize("crooked", [1e-9, 1e-5, 1e-2])
def test_on_both_sides_of_where_the_pull_is_just_enough_what_the_frame_is_off_by_is_counted(seed, crooked):
    rng, margins, f, e, level, off = drawn_plane(seed, crooked)
    at = plane_of(margins, f, e, level, off)
    true, q = Hyperplane.of(margins, f, e, level), f.B.shape[1]
    for _ in range(4):
        v, kappa = rng.normal(size=q), float(rng.choice([0.0, 1.0]))
        a, b = rng.normal(size=q) * 4, rng.normal(size=q) * 4
        signs = [true.surplus(y.tolist(), v.tolist(), kappa) > 0 for y in (a, b)]
        if signs[0] == signs[1]:
            continue
        if signs[0]:
            a, b = b, a  # a lacks pull, b has enough
        low, high = 0.0, 1.0
        for _ in range(45):
            t = (low + high) / 2
            enough = true.surplus((a + t * (b - a)).tolist(), v.tolist(), kappa) > 0
            low, high = (low, t) if enough else (t, high)
        for t in low + np.r_[-(2.0 ** np.arange(-44, -2, 2)), 2.0 ** np.arange(-44, -2, 2)]:
            y = a + t * (b - a)
            assert not excluded(margins, at, Cell(y, np.zeros(q), v, kappa)) or true.surplus(
                y.tolist(), v.tolist(), kappa) > 0


@pytest.mark.parametrize("seed", some(range(12), SEEDS))
@pytest.mark.parametrize("crooked", [0.0, 1e-9, 1e-2])
def test_every_float_is_off_by_no_more_than_its_bound(seed, crooked):
    rng, margins, f, e, level, off = drawn_plane(seed, crooked)
    at, true, q = plane_of(margins, f, e, level, off), Hyperplane.of(margins, f, e, level), f.B.shape[1]
    cell = Cell(rng.normal(size=q), rng.random(q), rng.normal(size=q), 1.0)
    s, (own, own_off, tilt, tilt_off) = spread_of(at, cell.centre, cell.radius), _decay(at, cell)

    def away(found, exact):
        return [float(abs(arb(a) - b).upper()) for a, b in zip(np.ravel(found).tolist(), exact, strict=True)]

    with ctx.workprec(300):
        u = true.B * arb_mat([[x] for x in cell.v.tolist()]) + true.across
        w = true.w0 + true.B * arb_mat([[x] for x in cell.centre.tolist()])
        pulled = arb_mat([[r * x for r, x in zip(true.ridge, u.entries(), strict=True)]])
        assert (np.array(away(at.C, (true.S * true.B).entries())).reshape(at.C.shape) <= at.off[:, None]).all()
        assert (away(at.x, (true.S * true.w0).entries()) <= at.x_off).all()
        assert (away(at.A, (true.S * true.across).entries()) <= at.A_off).all()
        assert (away(s.x, true.margins(cell.centre.tolist())) <= s.off).all()
        for corner in product((-1.0, 1.0), repeat=q):
            far = true.margins((cell.centre + np.array(corner) * cell.radius).tolist())
            assert (away(s.x, far) <= s.spread * (1 + 1e-12)).all()
        assert away([own], (pulled * w).entries())[0] <= own_off
        assert max(away(tilt, (pulled * true.B).entries())) <= tilt_off


@pytest.mark.parametrize("seed", some(range(12), SEEDS))
@pytest.mark.parametrize("crooked", [0.0, 1e-9, 1e-3, 0.05])
def test_the_minimiser_lies_inside_wherever_that_is_said(seed, crooked):
    rng, margins, f, e, level, off = drawn_plane(seed, crooked)
    q, seen = f.B.shape[1], 0
    for aside in (0.0, 1e-4, 1e-2, 0.2):  # the origin lies that far from it
        moved = replace(f, w0=f.w0 + f.B @ (aside * rng.normal(size=q)))
        at = plane_of(margins, moved, e, level, off)
        y = np.array(Hyperplane.of(margins, moved, e, level).minimiser())
        for size in (*2.0 ** np.arange(-24, 4), *(np.abs(y).max() * np.array([0.3, 0.5, 0.9, 1.1, 3.0, 30.0]))):
            low, high = -size * (rng.random(q) + 0.5), size * (rng.random(q) + 0.5)
            if starts_inside(at, low, high):
                assert (low < y).all() and (y < high).all()
                seen += 1
    assert seen or crooked > 1e-9


@pytest.mark.parametrize("seed", some(range(12), SEEDS))
@pytest.mark.parametrize("askew", [1e-3, 0.03, 1.0])
def test_columns_that_look_right_only_off_the_hyperplane_are_seen_through(seed, askew):
    # the floats have curvature 1 and a small slope, the true columns, orthogonal to the point, have others
    rng, margins, f, e, level, off = drawn_plane(seed, 0.0)
    q, p = f.B.shape[1], len(e)
    for _ in range(8):
        w0 = f.w0 + f.B @ (0.3 * rng.normal(size=q) * askew)
        H = margins.hessian(1 / (1 + np.exp(margins.S @ w0)))
        values, vectors = np.linalg.eigh(H)
        half = vectors / np.sqrt(values)  # of curvature 1 on the whole space
        whole = np.linalg.solve(half, f.B) + askew * rng.normal(size=(p, q))
        B = half @ np.linalg.qr(whole)[0]
        bent = Frame(w0, B, f.across, f.low, f.high)
        at, y = plane_of(margins, bent, e, level, off), np.array(Hyperplane.of(margins, bent, e, level).minimiser())
        for size in (*2.0 ** np.arange(-12, 3), *(np.abs(y).max() * np.array([0.5, 0.7, 0.9, 1.1, 1.5]))):
            if starts_inside(at, np.full(q, -size), np.full(q, size)):
                assert (np.abs(y) < size).all()


def test_it_is_not_said_of_columns_that_do_not_span_the_hyperplane():
    for seed in range(12):
        rng, margins, f, e, level, off = drawn_plane(seed, 0.0)
        if f.B.shape[1] < 2:
            continue
        flat = replace(f, B=np.column_stack([f.B[:, 0], f.B[:, 0]]))
        at = plane_of(margins, flat, e, level, off)
        assert not starts_inside(at, np.full(2, -4.0), np.full(2, 4.0))
        box = np.array([1.0, 1.0])
        assert not starts_inside(plane_of(margins, f, e, level, off), 0 * box, box)  # the origin is on a face


def test_a_column_far_from_the_hyperplane_spoils_the_curvature():
    # 1 and a large multiple of the point in two columns: their product is off by the second one's error
    rng, margins, f, e, level, off = next(
        drawn for seed in range(12) if (drawn := drawn_plane(seed, 0.0))[2].B.shape[1] == 2)
    bent = f.B.copy()
    bent[:, 1] += 1e3 * e / (e @ e)
    assert not starts_inside(plane_of(margins, replace(f, B=bent), e, level, off), np.full(2, -4.0), np.full(2, 4.0))


def test_there_is_no_plane_where_the_direction_across_does_not_cross_it():
    _, margins, f, e, level, off = drawn_plane(1, 0.0)
    assert plane_of(margins, replace(f, across=-f.across), e, level, off) is None
    assert plane_of(margins, replace(f, across=np.zeros_like(e)), e, level, off) is None


@cache
def covered(seed, relabels, count, d=2, threshold=0.0, n=10):
    """A head, a change and what is proved; nobody writes into its arrays."""
    rng = np.random.default_rng([seed, relabels, count, d])
    head = drawn_head(rng, "logistic", n=n, d=d, N=8, apart=3.0, decay=0.2)
    head.points[7] = head.points[2] + head.points[3]
    head = replace(head, threshold=threshold)
    change = any_rows(head, count, relabels)
    todo = head.today >= 0
    return head, change, Cells().prove(head, change, todo, Budget(30.0))


@cache
def stay(seed, relabels, count, d, n):
    """Which points of such a head stay under every choice."""
    return stays(*covered(seed, relabels, count, d, n=n)[:2])


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize(("count", "d", "n", "seed"), [
    (*sizes, seed) for number, sizes in enumerate(((1, 1, 10), (1, 2, 9), (2, 1, 7), (2, 2, 6)))
    for seed in turn(range(3), number, 2)])
def test_points_with_a_cover_stay_under_every_choice_and_the_checker_agrees(seed, relabels, count, d, n):
    head, change, part = covered(seed, relabels, count, d, 0.25 if seed == 2 else 0.0, n)
    assert not (part.proved & ~stays(head, change)).any()
    if part.proved.any():
        with ctx.workprec(64):
            found = checker.proved(ball_head(head, change), arrays_of(part), "here", part.proved.tolist())
        assert found == part.proved.tolist()


@pytest.mark.parametrize(("seed", "relabels", "count", "d", "n"), [
    (200, False, 3, 2, 9), (104, True, 2, 2, 8), pytest.param(205, False, 3, 2, 9, marks=pytest.mark.long),
    pytest.param(222, False, 3, 2, 9, marks=pytest.mark.long)])
def test_choices_told_apart_decide_every_point(seed, relabels, count, d, n):
    """A mean of choices reaches the hyperplane, and none of them does."""
    head, change, part = covered(seed, relabels, count, d, n=n)
    found = part.proved.tolist()
    assert found == stay(seed, relabels, count, d, n).tolist()
    assert (part.proved | (part.flips.point >= 0)).all()
    assert found == proved(head, change, part) if any(found) else not part.arrays


def test_the_checker_refuses_forged_partings():
    """The rows by which choices are told apart are rows that may change, once each; other rows are another proof."""
    head, change, part = covered(200, False, 3, 2, n=9)
    cuts = part.arrays["cuts"]
    at = int(np.flatnonzero(cuts < -1)[0])
    assert sum(proved(head, change, part)) == part.proved.sum() > 0

    def forged(value, where=at):
        return proved(head, change, part, cuts=np.where(np.arange(len(cuts)) == where, value, cuts))

    for value in (-2 - head.n, -(2**40)):
        with pytest.raises(Invalid, match="a row that may change"):
            forged(value)
    fixed = replace(change, rows=tuple(i for i in change.rows if i != -2 - cuts[at]))
    with pytest.raises(Invalid, match="a row that may change"):
        proved(head, fixed, part)
    with pytest.raises(Invalid, match="while changes are left"):
        proved(head, replace(change, count=0), part)
    others = [i for i in range(head.n) if i != -2 - cuts[at]]
    outcomes = []
    for row in others:
        try:
            outcomes.append(sum(forged(-2 - row)))
        except Invalid:  # it is told apart by again further on
            outcomes.append(0)
    assert max(outcomes) <= part.proved.sum() and min(outcomes) < part.proved.sum()
    assert sum(proved(head, replace(change, count=4), part)) < part.proved.sum()
    face = int(part.arrays["cuts_counts"][0]) - 1  # the last of the first point's faces
    with pytest.raises(Invalid):
        forged(-2, face)


def test_some_points_are_proved():
    assert sum(covered(seed, relabels, 1)[2].proved.sum() for seed in range(2) for relabels in (False, True)) >= 10


def arrays_of(part, **changed):
    found = {}
    for name, array in {**part.arrays, **changed}.items():
        array = np.asarray(array)
        found[name] = Array(array.shape, tuple(array.ravel().tolist()), array.dtype.kind)
    return found


def proved(head, change, part, **changed):
    with ctx.workprec(64):
        return checker.proved(ball_head(head, change), arrays_of(part, **changed), "here", part.proved.tolist())


def test_the_checker_refuses_forged_covers():
    head, change, part = covered(0, True, 1)
    A, points = part.arrays, part.arrays["points"].tolist()
    assert len(points) >= 2 and sum(proved(head, change, part)) == part.proved.sum()
    B = A["B"].reshape(len(points), 3, 2).copy()
    B[:, :, 1] = B[:, :, 0]  # a line instead of the plane
    for changed in ({"B": B.reshape(len(points), 6)}, {"across": -A["across"]}, {"low": -0.0 * A["low"]},
                    {"high": A["high"] * 1e-3}, {"tests": -A["tests"]}, {"tests": 0 * A["tests"]},
                    {"w0": A["w0"] + 10.0}, {"points": np.roll(A["points"], 1)}):
        assert not any(proved(head, change, part, **changed)), changed
    for changed in ({"cuts": A["cuts"][:-1]}, {"cuts": np.where(A["cuts"] < 0, 0, A["cuts"])},
                    {"tests": A["tests"][:-1]}, {"cuts": A["cuts"] + 5}, {"low": A["low"][:, :1]},
                    {"points": A["points"] * 0}, {"points": A["points"] + 100}, {"points": A["points"].astype(float)},
                    {"cuts_counts": np.r_[-1, A["cuts_counts"][1:]]}, {"extra": np.zeros(1)}):
        with pytest.raises(Invalid):
            proved(head, change, part, **changed)


def test_the_checker_refuses_arrays_of_no_point_and_implied_rows_that_name_none():
    """Empty arrays prove nothing, and an array without entries holds no rows, however many its shape states."""
    head, change, part = covered(0, True, 1)
    empty = {name: Array((0, *np.shape(a)[1:]), (), np.asarray(a).dtype.kind) for name, a in part.arrays.items()
             if name != "implied"}
    twin, none = ball_head(head, change), [False] * len(head.today)
    with ctx.workprec(64):
        assert checker.proved(twin, empty, "here", [True] * len(none)) == none
        for shape, values in (((2**60, 0), ()), ((1, 0), ()), ((1, 2), (-1.0, 0.0))):
            with pytest.raises(Invalid, match="each behind the one"):
                checker.proved(twin, {**empty, "implied": Array(shape, values, "i")}, "here", none)
    with pytest.raises(Invalid, match="-1, a direction"):
        proved(head, change, part, cuts=np.where(part.arrays["cuts"] < 0, -2 - head.n, part.arrays["cuts"]))


def test_the_checker_refuses_a_negative_number_of_tests():
    head, change, part = covered(0, True, 1)
    counts = part.arrays["tests_counts"].copy()
    counts[0], counts[1] = -1, counts[0] + counts[1] + 1
    with pytest.raises(Invalid):
        proved(head, change, part, tests_counts=counts)


def test_a_face_takes_no_step_across():
    head, change, part = covered(0, True, 1)
    tests = part.arrays["tests"].copy()
    tests[-1, -1] = 1.0  # the last cell of the last point is one of a face
    last = int(part.arrays["points"][-1])
    assert not proved(head, change, part, tests=tests)[last]


def test_a_cover_for_one_change_is_none_for_more_of_them():
    head, change, part = covered(0, True, 1)
    found = proved(head, replace(change, count=3), part)
    assert sum(found) < part.proved.sum()


def test_points_outside_the_cone_are_not_implied():
    head, change, part = covered(0, True, 1)
    known = part.arrays["points"].tolist()
    other = next(j for j in range(len(head.points)) if j not in known)
    signed = np.where(head.today == 1, 1.0, -1.0)[:, None] * head.points
    bad = np.array([[other, known[0]]])
    assert not np.allclose(np.cross(signed[other], signed[known[0]]), 0)
    assert not proved(head, change, part, implied=bad)[other]
    assert not proved(head, change, part, implied=np.array([[other, other]]))[other]
    assert not proved(head, change, part, implied=np.array([[other, -1]]))[other]
    with pytest.raises(Invalid):
        proved(head, change, part, implied=np.array([[other, 100]]))


def test_covers_are_for_exact_inputs_of_a_logistic_head():
    head = drawn_head(np.random.default_rng(0), "logistic")
    change = any_rows(head, 1, False)
    assert Cells().able(head, change) == ""
    narrow = replace(head, phi=head.phi[:, :1], points=head.points[:, :1], V=head.V[:, :1], decayed=head.decayed[:1])
    wide = replace(head, phi=np.ones((8, 13)), V=np.ones((1, 13)))
    for bad in (narrow, wide, replace(head, phi_rad=np.full(8, 1e-9)), replace(head, points_rad=np.full(6, 1e-9)),
                replace(head, remaining=True), drawn_head(np.random.default_rng(0), "squared")):
        assert Cells().able(bad, change)


def test_a_prover_that_miscounts_what_is_left_is_wrong_and_the_checker_sees_it(monkeypatch):
    """One change too few after a row that changes: points that flip are proved, and not one passes the checker."""
    right = Held.parted

    def miscounts(self, row):
        left, changed = right(self, row)
        return left, replace(changed, head=replace(changed.head, count=0))

    monkeypatch.setattr(tree, "_suspect", lambda *_: False)
    monkeypatch.setattr(Held, "parted", miscounts)
    false = 0
    for seed in some((200, 205, 222)):
        head, change, part = covered.__wrapped__(seed, False, 3, 2, n=9)  # proved anew, by the wrong prover
        wrong = part.proved & ~stay(seed, False, 3, 2, 9)
        false += int(wrong.sum())
        if wrong.any():
            try:
                found = np.array(proved(head, change, part))
            except Invalid:
                continue
            assert not (found & wrong).any()
    assert false > 0
