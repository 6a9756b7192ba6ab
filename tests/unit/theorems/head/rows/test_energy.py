"""D7 against every relabelling of small heads, and each of its bounds against what it bounds."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, combinations_with_replacement, product

import numpy as np
import pytest
from flint import arb, ctx

from certify.problem.limits import OutOfTime
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.systems.head.rows.losses.squared import SquaredHead
from certify.theorems.head.rows.energy import Energy
from certify.theorems.head.rows.energy.duals import Duals, average, duals
from certify.theorems.head.rows.energy.entropy import binary_entropy, entropy, softplus_up
from certify.theorems.head.rows.energy.finder import minimise, singles, slopes
from certify.theorems.head.rows.energy.lists import distinct, listing, most_harmful, survivors
from certify.theorems.head.rows.energy.method import Trees, normals, rows_of
from certify.theorems.head.rows.energy.primals import along, bowl, curvature_up, energy_up, flat, lse_up, newton_moves
from certify.theorems.head.rows.energy.record import Record
from certify.theorems.head.rows.energy.rows import Rows
from certify.theorems.head.rows.energy.scores import Scores, halves, scores, side, spread
from certify.theorems.head.rows.energy.tree import Open, Tree
from certify.theorems.head.rows.method import Budget
from tests.effort import some
from tests.families.class_heads import class_head, refits

SEEDS = range(6)


def broken(head: Head, count: int) -> np.ndarray:
    """Points that some relabelling of at most `count` rows moves, every one refitted."""
    assert head.codes is not None
    assert head.label is not None
    Y = []
    for size in range(1, count + 1):
        for rows in combinations(range(head.n), size):
            for codes in product(*([c for c in range(len(head.codes)) if c != head.label[i]] for i in rows)):
                Y.append(head.Y.copy())
                Y[-1][list(rows)] = head.codes[list(codes)]
    V = refits(head.phi, np.array(Y), np.ones((len(Y), head.n)), head.n * head.weight_decay, head.decayed)
    F = np.einsum("bkm,nm->bnk", V, head.points)
    now = (F[..., 0] > 0).astype(np.int64) if head.k == 1 else F.argmax(2)
    return np.asarray((now != head.today).any(axis=0))


@pytest.mark.parametrize(("k", "count"), [(1, 1), (1, 2), (1, 3), (3, 1), (3, 2)])
def test_no_point_proved_is_moved_by_any_relabelling(k: int, count: int) -> None:
    proved = 0
    for seed in SEEDS if k == 1 or count == 1 else range(2):
        head = class_head(
            np.random.default_rng([seed, k, count]), 9 if k == 1 else 6 + 3 * count, k, decay=0.3 / count, apart=5.0
        )
        part = Energy().prove(head, RowChange(True, count, tuple(range(head.n))), head.today >= 0, Budget(20.0))
        assert part is not None
        assert not (part.proved & broken(head, count)).any()
        proved += int(part.proved.sum())
    assert proved > 0 or (k, count) == (3, 2)


def test_with_fewer_rows_that_may_change_no_fewer_points_stay() -> None:
    head = class_head(np.random.default_rng(3), 10, 1, decay=0.1, apart=3.0)
    some = Energy().prove(head, RowChange(True, 2, (0, 3, 4)), head.today >= 0, Budget(20.0))
    every = Energy().prove(head, RowChange(True, 2, tuple(range(10))), head.today >= 0, Budget(20.0))
    assert some is not None
    assert every is not None
    assert not (every.proved & ~some.proved).any()


def test_what_the_method_is_not_for() -> None:
    head, change = class_head(np.random.default_rng(0), 6, 1), RowChange(True, 1, (0, 1))
    method = Energy()
    assert method.able(head, change) == ""
    assert "deleted" in method.able(head, RowChange(False, 1, (0,)))
    assert "no label" in method.able(head, RowChange(True, 1, ()))
    other = {name: getattr(head, name) for name in head.__dataclass_fields__}
    assert method.able(Head(**(other | {"threshold": 0.1})), change) == ""
    assert "threshold" in method.able(Head(**(other | {"threshold": float("nan")})), change)
    assert "exactly" in method.able(Head(**(other | {"phi_rad": np.full(6, 1e-9)})), change)
    assert "logistic" in method.able(Head(**(other | {"loss": SquaredHead()})), change)


def test_time_up_returns_what_there_is() -> None:
    head = class_head(np.random.default_rng(0), 6, 1)
    part = Energy().prove(head, RowChange(True, 2, (0, 1)), head.today >= 0, Budget(-1.0))
    assert part is not None
    assert not part.proved.any()

    def check() -> None:
        raise OutOfTime

    rows = rows_of(head, RowChange(True, 1, (0, 1)))
    with pytest.raises(OutOfTime):
        Tree(head, rows, normals(head, 0)[0], check).prove(head.V.ravel(), 1)


def test_trees_that_wait_go_on_where_they_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    head = class_head(np.random.default_rng([1, 1, 3]), 9, 1, decay=1.0, apart=5.0)
    change, todo = RowChange(True, 3, tuple(range(9))), head.today >= 0
    whole = Energy().prove(head, change, todo, Budget(20.0))
    grown, grow = [], Trees.grow

    def little(self: Trees, j: int, budget: Budget, root: bool) -> Record | None:
        grown.append(j)
        return grow(self, j, Budget(0.0), root)  # one step a turn

    monkeypatch.setattr(Trees, "grow", little)
    part = Energy().prove(head, change, todo, Budget(20.0))
    assert whole is not None
    assert part is not None
    assert np.array_equal(part.proved, whole.proved)
    assert part.proved.any()
    assert max(map(grown.count, grown)) > 2


def test_a_tree_without_room_starts_again() -> None:
    head = class_head(np.random.default_rng([1, 1, 3]), 9, 1, decay=1.0, apart=5.0)
    change = RowChange(True, 3, tuple(range(9)))
    trees = Trees(head, rows_of(head, change), 3, head.V.ravel())
    trees._room = 0
    assert trees.grow(0, Budget(0.0), True) is None
    assert not trees._waiting
    trees.grow(0, Budget(20.0), False)
    assert np.isfinite(trees.score[0])  # that of the root which was not cut off


def test_open_sets_that_flip_are_reported() -> None:
    flips = 0
    for seed in range(6):
        head = class_head(np.random.default_rng(seed), 7, 1, decay=0.1, apart=0.5, free=False)
        moved = broken(head, 2)
        part = Energy().prove(head, RowChange(True, 2, tuple(range(7))), head.today >= 0, Budget(20.0))
        assert part is not None
        if part.flips is not None:
            flipped = part.flips.point >= 0
            assert not (flipped & ~moved).any()
            assert not (flipped & part.proved).any()
            flips += int(flipped.sum())
    assert flips > 0


@pytest.mark.parametrize("seed", [7, 8, 15])
def test_no_set_relabels_a_row_twice(seed: int) -> None:
    """With four labels and more, and where no bound is found, all combinations are listed: of distinct rows alone."""
    rng = np.random.default_rng(seed)
    count, n = int(rng.choice([2, 4, 5])), int(rng.integers(4, 6))
    decay, apart = float(10 ** rng.uniform(-1.5, 0.8)), float(rng.uniform(0.5, 4))
    head = class_head(rng, n, 3, points=6, decay=decay, apart=apart)
    rows = tuple(range(int(rng.integers(1, 3)))) if count > 2 and rng.random() < 0.3 else tuple(range(n))
    part = Energy().prove(head, RowChange(True, count, rows), head.today >= 0, Budget(5.0))
    assert part is not None
    for line in [] if part.flips is None else part.flips.rows:
        assert len(set(line[line >= 0].tolist())) == (line >= 0).sum()
    found = distinct(np.array([[0, 1], [0, 2], [1, 3], [3, 3], [2, 3]]), np.array([5, 5, 6]))
    assert found.tolist() == [[0, 2], [1, 3], [3, 3], [2, 3]]


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6])
def test_a_free_intercept_without_curvature_is_no_error(scale: float) -> None:
    """Features of large size that tell the labels apart: all slopes are 0 or 1 in floats."""
    x = np.r_[np.linspace(-4, -2, 4), np.linspace(2, 4, 4)] * scale
    label = np.repeat([0, 1], 4)
    head = Head(
        np.c_[x, np.ones(8)], np.zeros(8), 2.0 * label[:, None] - 1.0, np.array([[-1.0], [1.0]]), label, LogisticHead(),
        np.array([[1.0, 0.0]]), 1e-4, np.array([True, False]), False, np.c_[x[::3] * 5, np.ones(3)], np.zeros(3)
    )
    part = Energy().prove(head, RowChange(True, 1, tuple(range(8))), head.today >= 0, Budget(5.0))
    assert part is not None
    assert not (part.proved & broken(head, 1)).any()


def test_averages_count_what_rounded_slopes_move_along_the_normal() -> None:
    """The multiplier of a free intercept takes up what rounding moves there, and moves far with a far point."""
    rng = np.random.default_rng(0)
    rows = Rows(
        np.c_[np.zeros(8), np.ones(8)], 1, np.zeros(8), np.zeros((2, 2), np.int64), np.zeros((2, 2)),
        np.arange(2), np.zeros(2, np.int64), np.array([True, False]), (1.0, 1.0)
    )
    e, q, members = np.array([1e6, 1.0]), rng.random((2, 8)), np.array([[0, 1]])
    points = Duals(q, q, np.zeros((2, 2)), *np.zeros((4, 2)))  # targets of their own: r is 0
    found = average(rows, points, np.array([1 / 3, 2 / 3]), members, np.zeros((1, 8)), e)
    exact = [(Fraction(a) + 2 * Fraction(b)) / 3 for a, b in zip(q[0].tolist(), q[1].tolist(), strict=True)]
    moved = sum(Fraction(a) - b for a, b in zip(found.q[0].tolist(), exact, strict=True))
    assert moved != 0
    assert abs(moved) * Fraction(1e6) <= Fraction(float(found.error[0]))


def test_a_point_that_is_moved_is_left_open() -> None:
    for seed in range(10):
        head = class_head(np.random.default_rng(seed), 7, 1, decay=0.1, apart=0.5, free=False)
        moved = broken(head, 2)
        rows = rows_of(head, RowChange(True, 2, tuple(range(7))))
        for j in np.flatnonzero(moved):
            with pytest.raises(Open):
                Tree(head, rows, normals(head, int(j))[0], lambda: None).prove(head.V.ravel(), 2)


@pytest.mark.parametrize("seed", range(4))
def test_tables_hold_on_the_right_side(seed: int) -> None:
    rng = np.random.default_rng(seed)
    q = np.concatenate(
        [
            rng.random(300),
            10.0 ** -rng.uniform(0, 25, 300),
            1 - 10.0 ** -rng.uniform(0, 16, 300),
            [0.0, 1.0, 0.5, 2.0**-60, np.nextafter(2.0**-60, 0), np.nextafter(1, 0), 5e-324],
        ]
    )
    z = np.concatenate([rng.standard_normal(300) * 10.0 ** rng.uniform(-3, 3, 300), [0.0, 40.0, -40.0, 41.0, -1e5]])
    with ctx.workprec(200):
        part = [-arb(x) * arb(x).log() if x > 0 else arb(0) for x in q]
        other = [-(1 - arb(x)) * (1 - arb(x)).log() if x < 1 else arb(0) for x in q]
        for x, one, two, a, b in zip(q, entropy(q[:, None]), binary_entropy(q[:, None]), part, other, strict=True):
            assert not arb(float(one)) > a
            assert not arb(float(two)) > a + b
            assert a + b - arb(float(two)) < 1e-4 * min(x, 1 - x) + 1e-12
            assert a - arb(float(one)) < 1e-4 * x + 1e-12
        for x, up in zip(z, softplus_up(z[:, None]), strict=True):
            truth = arb(float(x)).max(arb(0)) + (-abs(arb(float(x)))).exp().log1p()
            assert not arb(float(up)) < truth
            assert arb(float(up)) - truth < 1e-4
        assert np.isnan(softplus_up(np.array([[np.nan, 1.0]])))[0]
        pairs = rng.standard_normal((50, 3)) * 20
        for line, up in zip(pairs, lse_up(pairs, 3), strict=True):
            assert 0 <= arb(float(up)) - sum((arb(float(v)).exp() for v in line), arb(0)).log() < 1e-3


def test_mean_curvature_is_a_bound() -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_normal(400) * 5
    low, high = (
        -rng.random(400) * 10.0 ** rng.uniform(-4, 1.2, 400),
        rng.random(400) * 10.0 ** rng.uniform(-4, 1.2, 400),
    )
    h = curvature_up(z, low, high)
    for share in np.linspace(0, 1, 41):
        for end in (low, high):
            t = share * end
            with ctx.workprec(120):
                for a, b, c in zip(z, t, h, strict=True):
                    x, y = arb(float(a)), arb(float(a)) + arb(float(b))
                    f = [v.max(arb(0)) + (-abs(v)).exp().log1p() for v in (x, y)]
                    assert f[1] - f[0] - (y - x) / (1 + (-x).exp()) <= arb(float(c)) * (y - x) ** 2 / 2 + arb(2) ** -100


def _point(seed: int, k: int) -> tuple[Rows, np.ndarray, int]:
    head = class_head(np.random.default_rng([seed, k]), 7, k, decay=0.05, apart=2.0)
    return rows_of(head, RowChange(True, 3, tuple(range(7)))), normals(head, 0)[0], 3 if k == 1 else 2


@pytest.mark.parametrize(("seed", "k"), [(s, k) for s in some(range(8), 2) for k in (1, 3)])
def test_scores_bound_every_set(seed: int, k: int) -> None:
    """Each set's energy less the least energy on the hyperplane, both solved, is below its score."""
    rows, e, count = _point(seed, k)
    free = np.arange(len(rows.lines))
    w = minimise(rows, rows.tau[None], np.zeros((1, len(e))), None, 1e-10)[0]
    v = minimise(rows, rows.tau[None], w[None], e, 1e-10)[0]
    W = np.concatenate([singles(rows, rows.tau, float(count), v, free, e, 1e-3), v[None]])
    tau = np.stack([rows.target(np.array([x]), count) for x in free] + [rows.tau])
    points = duals(rows, slopes(rows, W @ rows.A.T), tau, e)
    families = [flat(rows, rows.tau, free, w), flat(rows, rows.tau, free, w * 0.5)]
    if k == 1:
        families.append(bowl(rows, rows.tau, free, count, w, newton_moves(rows, rows.tau, free, count, w)))
    sets = [
        np.array(s, dtype=np.int64)
        for j in range(count + 1)
        for s in combinations(free, j)
        if len(set(rows.owner[list(s)])) == j
    ]
    targets = np.stack([rows.target(s) for s in sets])
    least = minimise(rows, targets, np.broadcast_to(v, (len(sets), len(e))), e, 1e-10)
    on_plane = energy_up(rows, targets, least)
    members = np.array([list(s) + [len(free)] * (count - len(s)) for s in sets])
    below = average(rows, points, np.full(count, 1.0 / count), members, targets, e)
    assert (below.value <= on_plane + 1e-9).all()
    Q = spread(rows, points, free)
    for family in families:
        s = scores(points, family, halves(rows, Q, free, count), count)
        at = family.centre + np.stack([family.moves[m].sum(0) for m in sets])
        assert (at @ e >= side(family, e, count) - 1e-9).all()
        true = np.array([energy_up(rows, t[None], x[None])[0] for t, x in zip(targets, at, strict=True)])
        for one, m, upper, plane in zip(sets, members, true, on_plane, strict=True):
            score = s.base + s.single[m].sum() + sum(s.pair[a, b] for a, b in combinations(m, 2))
            assert upper - plane <= score + 2e-3
            assert all(score <= s.each()[x] + 1e-6 for x in one)
            assert score <= s.worst() + 1e-6
            if len(one) > 1:
                assert score <= s.beside(int(one[0]))[one[1]] + 1e-6
                kept = np.unique(one)
                assert score <= s.within(kept).each()[0] + 1e-6


def test_moves_follow_their_record() -> None:
    rows, _, count = _point(0, 1)
    free = np.arange(len(rows.lines))
    how = newton_moves(rows, rows.tau, free, count, np.zeros(rows.A.shape[1]))
    assert np.array_equal(along(how.take(free[2:4]), rows.steps[2:4]), along(how, rows.steps)[2:4])


def test_what_is_split_off_is_enough_or_all_that_goes_at_once() -> None:
    rng = np.random.default_rng(0)
    for base in (-2.0, -1.0, 0.0):
        P = np.minimum(0.0, rng.standard_normal((61, 61)))
        P += P.T
        np.fill_diagonal(P, -np.inf)
        P[-1, -1] = 0.0
        s = Scores(base, np.append(rng.standard_normal(60) * 0.2, 0.0), P, 3)
        gone = most_harmful([s], s.each())
        rest = np.setdiff1d(np.arange(60), gone)
        assert 1 <= len(gone) <= 2
        assert len(gone) == 2 or s.within(rest).worst() < 0


def test_bounds_that_are_asked_for_in_part_hold_of_every_set() -> None:
    """What is not looked at any nearer, and what is kept in memory, bound the best set by brute force."""
    rng, gone = np.random.default_rng(1), 0
    for seed in range(60):
        L, k = int(rng.integers(2, 8)), int(rng.integers(2, 5))
        P = rng.standard_normal((L + 1, L + 1)) - rng.uniform(0.0, 1.5)
        P = np.minimum(P, P.T)
        P[np.arange(L), np.arange(L)] = -np.inf
        if seed % 2:
            P[0, 1] = P[1, 0] = -np.inf  # two alternatives of one row
        P[-1, -1] = 0.0
        s = Scores(float(rng.uniform(-3.0, 1.0)), np.append(rng.standard_normal(L), 0.0), P, k)
        best = np.full(L, -np.inf)
        for members in combinations_with_replacement(range(L + 1), k):
            if all(members.count(x) == 1 for x in members if x < L):
                m = np.array(members)
                score = s.base + s.single[m].sum() + sum(P[a, b] for a, b in combinations(members, 2))
                for x in members:
                    if x < L:
                        best[x] = max(best[x], score)
        asked = np.flatnonzero(rng.random(L) < 0.6)
        for _ in range(2):  # the second time from memory
            part = s.each(-1e-3, asked)
            assert (part[asked] >= best[asked] - 1e-9).all() and np.isinf(np.delete(part, asked)).all()
            assert (s.each() >= best - 1e-9).all() and s.worst() >= best.max() - 1e-9
        kept = survivors([s, s], L)
        assert set(np.flatnonzero(best >= 0.0)) <= set(kept.tolist())
        gone += L - len(kept)
    assert gone > 50


def test_sets_are_counted_and_not_formed_to_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 40 alternatives there are 1.4e11 sets of 20: they were listed to learn that there are too many."""
    monkeypatch.setattr("certify.theorems.head.rows.energy.lists.combinations", lambda *_: pytest.fail("formed"))
    assert listing([], 40, 20) is None
