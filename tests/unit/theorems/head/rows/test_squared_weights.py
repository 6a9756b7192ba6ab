"""D4h: squared-loss heads whose rows carry weights: prover and checker against every change in rationals."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import squared_aside, squared_deletions, squared_labels, squared_tree
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.squared.refits import labels_after
from certify.check.theorems.head.rows.tolerance.by_sorting import check_sorted
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.ridge import solve
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.method import Budget, Part
from certify.theorems.head.rows.squared.by_counts import SquaredByCounts, cases
from certify.theorems.head.rows.squared.contrasts import contrasts
from certify.theorems.head.rows.squared.outputs import Outputs
from certify.theorems.head.rows.squared.rooted import rooted, system_of
from certify.theorems.head.rows.squared_aside import SquaredAside
from certify.theorems.head.rows.squared_deletions import SquaredDeletions, base_of
from certify.theorems.head.rows.squared_labels import SquaredLabels
from certify.theorems.head.rows.squared_tree import SquaredTree
from tests.effort import FULL
from tests.families.squared_heads import SmallHead, as_checked, as_head, small_head, weighed
from tests.oracles import squared_head as oracle

METHODS = {SquaredDeletions: squared_deletions, SquaredTree: squared_tree, SquaredAside: squared_aside}


def drawn(seed: int, outputs: int, n: int = 7) -> SmallHead:
    """Weights of two sizes and of a hundred sizes in turn."""
    rng = np.random.default_rng([seed, outputs, 77])
    return weighed(small_head(rng, n, outputs, 3), rng, (0.4, 1.5, 4.0)[seed % 3])


def read(part: Part) -> dict[str, Array]:
    return {name: Array(v.shape, tuple(v.tolist()), v.dtype.kind) for name, v in part.arrays.items()}


def least_left(small: SmallHead, head: Head, rows: tuple[int, ...], count: int, j: int) -> Fraction | None:
    """The least margin after at most so many deletions; None where a refit is not unique."""
    assert small.weights is not None
    lam, n = Fraction(head.weight_decay), len(small.phi)
    mus = [lam * (n - d if head.remaining else n) for d in range(count + 1)]
    worst = [oracle.worst_deletion(small.phi.tolist(), small.Y.tolist(), mus, small.decayed.tolist(),
                                   small.points[j].tolist(), int(head.today[j]), rows, d, small.threshold,
                                   small.weights.tolist()) for d in range(count + 1)]
    return None if None in worst else min(worst)  # type: ignore[type-var]


@pytest.mark.parametrize(("outputs", "count", "remaining"), [(1, 1, False), (1, 2, True), (1, 3, False), (3, 2, False)])
def test_deletions_are_proved_where_every_refit_keeps_the_label(outputs: int, count: int, remaining: bool) -> None:
    proved, right = dict.fromkeys(METHODS, 0), 0
    for seed in range(9):
        small = drawn(seed, outputs)
        head, rows = as_head(small, remaining), tuple(range(7)) if seed % 2 else (0, 1, 3, 4, 6)
        truth = [least_left(small, head, rows, count, j) for j in range(3)]
        for method, checker in METHODS.items():
            part = method().prove(head, RowChange(False, count, rows), head.today >= 0, Budget())
            if part is None:
                continue
            for j in np.flatnonzero(part.proved):
                assert truth[j] is not None and truth[j] > 0, (seed, method.name)  # type: ignore[operator]
            if part.flips is not None:
                for j in np.flatnonzero(part.flips.point >= 0):
                    assert truth[j] is None or truth[j] < 0  # type: ignore[operator]
            if part.arrays:
                with ctx.workprec(BITS):
                    twin = as_checked(small, head, rows, count, False)
                    assert checker.proved(twin, read(part), "claim", part.proved.tolist()) == part.proved.tolist()
            proved[method] += int(part.proved.sum())
            right += method is SquaredDeletions and sum(
                part.proved[j] == (truth[j] is not None and truth[j] > 0) for j in range(3))  # type: ignore[operator]
    assert all(proved.values()), proved
    assert right >= 24


@pytest.mark.parametrize(("outputs", "count"), [(1, 1), (1, 3), (3, 2)])
def test_numbers_of_labels_are_exact(outputs: int, count: int) -> None:
    decided, flips, seeds = 0, 0, 9 if FULL or outputs == 1 else 4
    for seed in range(seeds):
        small = drawn(seed, outputs, 6)
        head, rows = as_head(small), tuple(range(6))
        part = SquaredLabels().prove(head, RowChange(True, count, rows), head.today >= 0, Budget())
        if part is None:
            continue
        assert part.tolerated is not None and part.flips is not None and small.weights is not None
        may = [[c for c in range(len(small.codes)) if c != own] for own in small.label]
        exact = [oracle.tolerated_labels(
            small.phi.tolist(), small.Y.tolist(), small.mu, small.decayed.tolist(), small.points[j].tolist(),
            int(head.today[j]), small.codes.tolist(), may, small.threshold, small.weights.tolist()) for j in range(3)]
        low, high = part.tolerated
        for j, (strict, loose) in enumerate(exact):
            assert low[j] <= strict <= loose <= high[j]
            assert (part.flips.point[j] >= 0) == (loose < count)
            decided += low[j] == high[j]
        with ctx.workprec(BITS):
            twin = as_checked(small, head, rows, count, True)
            found = squared_labels.proved(twin, {}, "claim", [True] * 3)
            assert found == [strict >= count for strict, _ in exact]
            marks = {"squared_labels": Array((3,), (1, 1, 1), "i")}
            lows, highs = ([min(max(int(x), 0), count) for x in ends] for ends in (low, high))
            check_sorted(twin, marks, lows, highs, "claim")
            for j in range(3):
                if lows[j] < count and (exact[j][0] >= 0):
                    with pytest.raises(Invalid):
                        more = [x + (i == j) for i, x in enumerate(lows)]
                        check_sorted(twin, marks, more, more, "claim")
            for at in np.unique(part.flips.point[part.flips.point >= 0]):
                pairs = zip(part.flips.rows[at].tolist(), part.flips.codes[at].tolist(), strict=True)
                change = tuple((row, code) for row, code in pairs if row >= 0)
                after = labels_after(twin, [change], [np.ravel(part.flips.weights[at]).tolist()])[0]
                T = [small.codes[dict(change).get(i, own)].tolist() for i, own in enumerate(small.label.tolist())]
                W = oracle.refit(small.phi.tolist(), T, small.mu, small.decayed.tolist(), small.weights.tolist())
                assert W is not None
                for j in np.flatnonzero(part.flips.point == at):
                    assert after[j] not in (-1, head.today[j])
                    assert oracle.margin(W, small.points[j].tolist(), after[j], small.threshold) > 0
                    flips += 1
    assert decided > 2 * seeds and flips > seeds / 3, (decided, flips)


def balanced(small: SmallHead, rows: tuple[int, ...], count: int, j: int, today: int) -> Fraction:
    """The least margin after at most so many deletions, rows that are left weighed anew each time."""
    n, c, worst = len(small.phi), len(small.codes), []
    mu = Fraction(as_head(small).weight_decay) * n
    for size in range(count + 1):
        for gone in combinations(rows, size):
            left = [i for i in range(n) if i not in gone]
            counts = np.bincount(small.label[left], minlength=c).tolist()
            weights = [Fraction(len(left), c * counts[small.label[i]]) for i in left]
            W = oracle.refit(small.phi[left].tolist(), small.Y[left].tolist(), mu, small.decayed.tolist(),
                             weights)  # type: ignore[arg-type]
            worst.append(Fraction(-1) if W is None else oracle.margin(W, small.points[j].tolist(), today,
                                                                      small.threshold))
    return min(worst)


def apart(seed: int, outputs: int) -> SmallHead:
    """Classes that lie apart: some labels stay."""
    rng = np.random.default_rng([seed, outputs, 5])
    codes = np.array([[-1.0], [1.0]]) if outputs == 1 else np.eye(3)
    label, where = rng.permutation(np.arange(9) % len(codes)), np.array([[0.0, 2.0], [2.0, 0.0], [-2.0, -1.0]])
    phi = np.c_[np.round(where[label] + rng.standard_normal((9, 2)), 2), np.ones(9)]
    points = np.c_[where[:3] * rng.uniform(0.2, 1.5), np.ones(3)]
    return SmallHead(phi, codes[label], codes, label, 1.0, np.array([True, True, seed % 2 == 0]), points,
                     np.zeros(3, dtype=np.int64), 0.0)


@pytest.mark.parametrize(("outputs", "count"), [(1, 1), (1, 2), (1, 3), (3, 2)])
def test_balanced_weights_are_settled_by_how_many_of_each_label_go(outputs: int, count: int) -> None:
    proved = stay = 0
    for seed in range(8 if FULL or count * outputs < 3 else 4):
        small = apart(seed, outputs)
        head, rows = replace(as_head(small), weights=RowWeights(np.ones(9), None, True)), tuple(range(count % 2, 9))
        change = RowChange(False, count, rows)
        if SquaredByCounts().able(head, change):
            assert change.emptied(head)
            continue
        part = SquaredByCounts().prove(head, change, head.today >= 0, Budget())
        assert part is not None and part.flips is not None
        for j in range(3):
            least = balanced(small, rows, count, j, int(head.today[j]))
            assert least > 0 or not part.proved[j]
            assert least < 0 or part.flips.point[j] < 0
            proved, stay = proved + bool(part.proved[j]), stay + (least > 0)
    assert proved >= 0.5 * stay and stay > 3, (proved, stay)


def test_fewer_rows_than_may_go_are_cases_of_their_own() -> None:
    """The label of this point is lost where one of two rows goes, and kept where both do, whose weights are others."""
    small = replace(apart(15, 1), points=np.array([[-3.309, -0.689, 1.0]]), today=np.zeros(1, dtype=np.int64))
    head, rows = replace(as_head(small), weights=RowWeights(np.ones(9), None, True)), (5, 7)
    change = RowChange(False, 2, rows)
    assert head.today.tolist() == [0] and small.label[list(rows)].tolist() == [0, 1]
    assert sorted(case.gone for case in cases(head, change)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    part = SquaredByCounts().prove(head, change, head.today >= 0, Budget())
    assert balanced(small, rows, 2, 0, 0) < 0 and part is not None and not part.proved.any()


def test_numbers_lie_within_what_is_said_of_them() -> None:
    """Hat matrix, residuals and contrasts of the true roots in 300 bits; K without roots is far off."""
    enclosed = 0
    for seed in range(6):
        small = drawn(seed, 1, 8)
        head = rooted(as_head(small))
        system, base = system_of(head), base_of(head, np.arange(8), 0)
        if isinstance(system, str) or base is None:
            continue
        assert small.weights is not None and base.K is not None and system.share > 0
        with ctx.workprec(300):
            S = arb_mat(8, 8, [arb(c).sqrt() if i == j else arb(0) for i, c in enumerate(small.weights.tolist())
                               for j in range(8)])
            A, p = S * arb_mat(small.phi.tolist()), small.phi.shape[1]
            mid, wrong = head.mu()
            H = A.transpose() * A + arb_mat(p, p, [arb(mid, wrong) if a == b and small.decayed[a] else arb(0)
                                                   for a in range(p) for b in range(p)])
            X = H.inv()
            T, E = S * arb_mat(small.Y.tolist()), arb_mat(small.points.tolist())
            K, v = A * X * A.transpose(), X * A.transpose() * T
            r, z = T - A * v, E * v
            assert all(abs(K[i, j] - float(base.K[i, j])) <= base.error for i in range(8) for j in range(8))
            outputs, solved = Outputs(system, head.Y), solve(system, small.points)
            one = contrasts(1, 1, small.threshold)[0]
            found = outputs.residuals(one)
            assert all(abs(r[i, 0] - float(found.values[i])) <= found.each + found.off for i in range(8))
            low, high = outputs.margins(solved, one, np.arange(3))
            assert all(float(low[j]) <= z[j, 0] - small.threshold <= float(high[j]) for j in range(3))
            q = A * X * E.transpose()
            near = head.phi @ (solved.u * system.scale).T
            assert all(abs(q[i, j] - float(near[i, j])) <= float(solved.off[j]) + 1e-12 * float(np.abs(near).max())
                       for i in range(8) for j in range(3))
        enclosed += 1
    assert enclosed > 3, enclosed


def test_what_these_methods_are_not_for() -> None:
    small = drawn(1, 1)
    head, one = as_head(small), (0, 1)
    assert SquaredLabels().able(head, RowChange(True, 1, one)) == ""
    assert SquaredTree().able(head, RowChange(False, 1, one)) == ""
    going = replace(head, weights=RowWeights(np.ones(7), np.array([1.0, 2.0])))
    assert "go by the labels" in SquaredLabels().able(going, RowChange(True, 1, one))
    anew = replace(head, weights=RowWeights(np.ones(7), None, True))
    assert all("balanced" in method().able(anew, RowChange(False, 1, one)) for method in METHODS)
    assert "left out" in SquaredByCounts().able(anew, RowChange(True, 1, one))
    assert "counts" in SquaredByCounts().able(head, RowChange(False, 1, one))
    far = replace(head, weights=RowWeights(np.full(7, 2.0**-400)))
    assert SquaredLabels().prove(far, RowChange(True, 1, one), far.today >= 0, Budget()) is None
    assert SquaredTree().prove(far, RowChange(False, 1, one), far.today >= 0, Budget()) is None
