"""D4h: squared-loss heads whose rows carry weights: prover and checker against every change in rationals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import squared_aside, squared_deletions, squared_labels, squared_tree
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.squared.refits import labels_after
from certify.check.theorems.head.rows.tolerance.by_sorting import check_sorted
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget, Part
from certify.theorems.head.rows.squared_aside import SquaredAside
from certify.theorems.head.rows.squared_deletions import SquaredDeletions
from certify.theorems.head.rows.squared_labels import SquaredLabels
from certify.theorems.head.rows.squared_tree import SquaredTree
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
    decided = flips = 0
    for seed in range(9):
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
    assert decided > 20 and flips > 3, (decided, flips)
