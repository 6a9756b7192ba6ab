"""Parts of rows: D3 and D4c against exact refits, and the hat matrix of many rows by its long rows."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.squared import spectral as checked_spectral
from certify.check.theorems.head.rows.squared.ridge import ridge_of
from certify.systems.head.rows import ridge as ridges
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses import HEAD_LOSSES
from certify.systems.head.rows.losses.squared import SquaredHead
from certify.systems.head.rows.ridge import Ridge, ridge
from certify.systems.head.rows.stored import rows as stored
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.squared import majorant, spectral, worst
from certify.theorems.head.rows.squared.majorant import factor
from certify.theorems.head.rows.squared.spectral import largest_block
from certify.theorems.head.rows.squared.streamed import labels as by_parts
from certify.theorems.head.rows.squared.streamed.deletions import FLIPS, STAYS, deleted, leverages, most_of_trace
from certify.theorems.head.rows.squared.streamed.largest import Largest
from certify.theorems.head.rows.squared_labels import Labels, Targets, tolerated
from certify.theorems.head.rows.squared_tree import SquaredTree, sums
from certify.theorems.head.rows.squared_tree.flipped import label_without
from certify.theorems.head.rows.squared_tree.root import root_of
from tests.effort import some
from tests.families.squared_heads import as_checked, as_head, small_head
from tests.oracles import squared_head as oracle


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts and blocks of four rows, and few numbers kept at first."""
    for module in (stored, ridges):
        monkeypatch.setattr(module, "BLOCK", 4)
    monkeypatch.setattr(stored, "AT_ONCE", 1)
    monkeypatch.setattr(by_parts, "FIRST", 2)


@pytest.mark.parametrize("seed", range(20))
def test_the_largest_are_kept_whatever_the_parts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, most = np.round(rng.standard_normal(50), 1), int(rng.integers(1, 60))
    found = Largest(most, 1)
    for part in np.array_split(np.arange(50), int(rng.integers(1, 20))):
        found.take(values[part], part[None, :].astype(np.float64))
    top, at = found.sorted()
    positive = np.sort(values[values > 0])[::-1]
    assert top.tolist() == positive[:most].tolist()
    assert (values[at[0].astype(int)] == top).all()
    assert len(set(at[0].tolist())) == len(top)
    assert found.whole or len(top) == most


@pytest.mark.parametrize(("outputs", "n", "seed"), some(
    [(1, 9, s) for s in range(15)] + [(3, 7, s) for s in range(10)], 3))
def test_tolerated_labels_are_those_of_all_rows_at_once(short: None, outputs: int, n: int, seed: int) -> None:
    head = small_head(np.random.default_rng([seed, outputs, n, 3]), n, outputs)
    system = ridge(head.phi, (head.mu, 0.0), head.decayed)
    if isinstance(system, str):
        return
    targets = Targets(head.Y, head.codes, head.label[:, None] != np.arange(len(head.codes)))
    found = by_parts.tolerated(system, targets, head.points, head.today, head.threshold, 1)
    whole = tolerated(Labels(system, targets), head.points, head.today, head.threshold)
    assert found.lower.tolist() == whole.lower.tolist()
    assert found.upper.tolist() == whole.upper.tolist()
    may = [[c for c in range(len(head.codes)) if c != a] for a in head.label]
    given = head.phi.tolist(), head.Y.tolist(), head.mu, head.decayed.tolist()
    for j, e in enumerate(head.points.tolist()):
        strict, loose = oracle.tolerated_labels(*given, e, int(head.today[j]), head.codes.tolist(), may, head.threshold)
        assert found.lower[j] <= strict
        assert loose <= found.upper[j]


@pytest.mark.parametrize(("outputs", "seed"), [(1, s) for s in range(16)] + [(3, s) for s in range(8)])
def test_deletions_stay_or_flip_as_exact_refits_do(short: None, outputs: int, seed: int) -> None:
    small = small_head(np.random.default_rng([seed, outputs, 5]), 9, outputs)
    mu = 30.0 * small.mu
    system = ridge(small.phi, (mu, 0.0), small.decayed)
    if isinstance(system, str):
        return
    for count in (1, 2, 3):
        found = deleted(system, small.Y, small.points, small.today, small.threshold, count)
        for j, e in enumerate(small.points.tolist()):
            given = small.phi.tolist(), small.Y.tolist()
            least = oracle.worst_deletion(*given, [mu] * (count + 1), small.decayed.tolist(), e, int(small.today[j]),
                                          list(range(9)), count, small.threshold)
            if least is None:
                assert found.status[j] != STAYS
            elif found.status[j] != 0:
                assert (least > 0) == (found.status[j] == STAYS)
        for j, rows in found.rows.items():
            left = [i for i in range(9) if i not in rows]
            W = oracle.refit(small.phi[left].tolist(), small.Y[left].tolist(), mu, small.decayed.tolist())
            assert W is not None
            assert oracle.margin(W, small.points[j].tolist(), int(small.today[j]), small.threshold) < 0
            assert found.status[j] == FLIPS


def test_deletions_are_mostly_decided(short: None) -> None:
    decided = []
    for seed in range(12):
        rng = np.random.default_rng([seed, 77])
        phi = np.c_[rng.standard_normal((400, 4)), np.ones(400)]
        y = np.where(phi[:, :1] + 0.5 * rng.standard_normal((400, 1)) > 0, 1.0, -1.0)
        system = ridge(phi, (1.0, 0.0), np.array([True] * 4 + [False]))
        assert isinstance(system, Ridge)
        points = np.c_[rng.standard_normal((30, 4)), np.ones(30)]
        V = np.linalg.solve(phi.T @ phi + np.diag([1.0] * 4 + [0.0]), phi.T @ y)
        found = deleted(system, y, points, (points @ V > 0)[:, 0].astype(np.int64), 0.0, 5)
        decided += (found.status != 0).tolist()
    assert np.mean(decided) > 0.9


def test_the_trace_bounds_every_block(short: None) -> None:
    rng, inverted = np.random.default_rng(1), 0
    for _ in range(10):
        phi = rng.standard_normal((8, 3)) * 10.0 ** rng.uniform(-3, 3, 3)
        system = ridge(phi, (2.0, 0.0), np.ones(3, dtype=bool))
        if isinstance(system, str):
            continue
        K = phi @ np.linalg.solve(phi.T @ phi + 2.0 * np.eye(3), phi.T)
        for m in (1, 2, 3):
            kappa = most_of_trace(leverages(system, m))
            for M in combinations(range(8), m):
                assert np.linalg.eigvalsh(K[np.ix_(M, M)]).max() <= kappa * (1 + 1e-12)
        inverted += 1
    assert inverted > 7, inverted


@pytest.fixture
def few_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hat matrix of more than 6 rows is formed in 4 of them alone, and 2 entries of each are kept."""
    for module in (majorant, spectral):
        monkeypatch.setattr(module, "SQUARE", 6)
    monkeypatch.setattr(majorant, "LONGEST", 4)
    monkeypatch.setattr(majorant, "KEPT", 2)
    monkeypatch.setattr(majorant, "ROWS", 5)


@pytest.mark.parametrize("seed", range(8))
def test_sums_of_the_hat_matrix_are_bounded_by_its_long_rows(few_long: None, seed: int) -> None:
    rng = np.random.default_rng(seed)
    phi = rng.standard_normal((23, 3)) * np.exp(rng.standard_normal((23, 1)))
    system = ridge(phi, (0.5, 0.0), np.ones(3, dtype=bool))
    assert isinstance(system, Ridge)
    found = factor(system, np.arange(23))
    hat = majorant.majorant(found, lambda: False)
    assert hat is not None
    assert (hat.roots > 0).sum() == 19
    K = np.abs(phi @ np.linalg.solve(phi.T @ phi + 0.5 * np.eye(3), phi.T))
    np.fill_diagonal(K, 0.0)
    for s in (1, 2, 5, 40):
        v = rng.random(23) * (rng.random(23) < 0.8)
        exact = np.sort(K * v, axis=1)[:, ::-1][:, :s].sum(axis=1)
        assert (hat.sums(v, s) >= exact * (1 - 1e-12)).all()
    assert majorant.majorant(found, lambda: True) is None


def test_many_rows_are_proved_by_long_ones_and_nothing_false(few_long: None) -> None:
    proofs = 0
    for seed in range(12):
        small = small_head(np.random.default_rng([seed, 21]), 9, 1 + 2 * (seed % 2))
        head, rows = as_head(small, False), tuple(range(9))
        for count in (1, 2):
            part = SquaredTree().prove(head, RowChange(False, count, rows), head.today >= 0, Budget())
            if part is None:
                continue
            for j in np.flatnonzero(part.proved):
                least = oracle.worst_deletion(small.phi.tolist(), small.Y.tolist(), [head.mu(0)[0]] * (count + 1),
                                              small.decayed.tolist(), small.points[j].tolist(), int(small.today[j]),
                                              list(rows), count, small.threshold)
                assert least is not None
                assert least > 0
                proofs += 1
    assert proofs > 10


def test_the_search_of_large_heads_finds_what_flips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worst, "LARGE", 0)
    flipped = could = 0
    for seed in range(30):
        small = small_head(np.random.default_rng([seed, 31]), 9, 1 + 2 * (seed % 2))
        for remaining in (False, True):
            head = as_head(small, remaining)
            found = Found(head)
            known = head.today >= 0
            worst.worst_deletions(head, RowChange(False, 2, tuple(range(9))), known, found, lambda: False)
            mus = [head.mu(d)[0] for d in range(3)]
            for j in np.flatnonzero(known):
                least = oracle.worst_deletion(small.phi.tolist(), small.Y.tolist(), mus, small.decayed.tolist(),
                                              small.points[j].tolist(), int(small.today[j]), list(range(9)), 2,
                                              small.threshold)
                flips = least is None or least < 0
                assert flips or not found.flipped[j]
                could, flipped = could + flips, flipped + bool(found.flipped[j])
    assert flipped > 0.5 * could > 0


def test_a_row_that_carries_a_direction_alone_does_not_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worst, "LARGE", 0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal(40)
    phi, y = np.c_[x, np.zeros(40), np.ones(40)], np.where(x + rng.standard_normal(40) > 0, 1.0, -1.0)[:, None]
    phi[7, 1] = 2.0**30  # its leverage is 1 − 2^−60: in floats its deletion leaves a matrix that is singular
    V = np.linalg.lstsq(phi.T @ phi + np.diag([1.0, 1.0, 0.0]), phi.T @ y, rcond=None)[0].T
    points = np.c_[rng.standard_normal(100), rng.standard_normal(100) * 2.0**30, rng.standard_normal(100)]
    head = Head(phi, np.zeros(40), y, np.array([[-1.0], [1.0]]), (y[:, 0] > 0).astype(np.int64), SquaredHead(), V,
                1.0 / 40, np.array([True, True, False]), False, points, np.zeros(100))
    found, change = Found(head), RowChange(False, 1, (7,))
    worst.worst_deletions(head, change, head.today >= 0, found, lambda: False)
    part = SquaredTree().prove(head, change, head.today >= 0, Budget())
    assert part is not None
    assert not (part.proved & found.flipped).any()


def test_labels_without_rows_are_those_of_exact_refits() -> None:
    told = flips = 0
    for seed in range(30):
        small = small_head(np.random.default_rng([seed, 41]), 9, 1 + 2 * (seed % 2), points=5)
        head = as_head(small, False)
        system = ridge(small.phi, head.mu(), small.decayed)
        if isinstance(system, str):
            continue
        points = np.flatnonzero(head.today >= 0)
        root = root_of(head, system, np.arange(9), points, lambda: False)
        assert root is not None
        for gone in ([0], [1, 4], [2, 3, 8]):
            left = [i for i in range(9) if i not in gone]
            W = oracle.refit(small.phi[left].tolist(), small.Y[left].tolist(), head.mu()[0], small.decayed.tolist())
            for t, j in enumerate(points.tolist()):
                found = label_without(root, t, np.array(gone), int(head.today[j]))
                if found >= 0:
                    assert W is not None
                    assert oracle.margin(W, small.points[j].tolist(), found, small.threshold) >= 0
                    told, flips = told + 1, flips + (found != head.today[j])
    assert told > 100
    assert flips > 5


def test_a_row_of_leverage_one_leaves_no_label() -> None:
    phi = np.array([[1e6, 0.0], [0.0, 1.0], [0.0, 2.0]])
    Y = np.array([[1.0], [-1.0], [1.0]])
    head = Head(phi, np.zeros(3), Y, np.array([[-1.0], [1.0]]), np.array([1, 0, 1]), HEAD_LOSSES["squared"],
                np.array([[0.0, 1.0]]), 1e-6, np.ones(2, dtype=bool), False, np.array([[0.0, 1.0]]), np.zeros(1))
    system = ridge(phi, head.mu(), head.decayed)
    assert isinstance(system, Ridge)
    root = root_of(head, system, np.arange(3), np.arange(1), lambda: False)
    assert root is not None
    assert label_without(root, 0, np.array([0]), 1) == -1
    assert label_without(root, 0, np.array([1]), 1) == 1


def test_many_rows_by_the_trace_are_proved_by_prover_and_checker(monkeypatch: pytest.MonkeyPatch) -> None:
    """With less than half of leverage no pair is looked at; with more of it pairs may do better."""
    monkeypatch.setattr(spectral, "SQUARE", 6)
    monkeypatch.setattr(checked_spectral, "MANY", 6)
    proofs = 0
    for seed, decay in product(range(8), (3.0, 30.0, 300.0)):
        small = small_head(np.random.default_rng([seed, 51]), 9, 1)
        head, rows = as_head(replace(small, mu=decay), False), tuple(range(9))
        system = ridge(head.phi, head.mu(), head.decayed)
        if isinstance(system, str):
            continue
        K = head.phi @ np.linalg.solve(head.phi.T @ head.phi + np.diag(head.decayed * head.mu()[0]), head.phi.T)
        twin = as_checked(replace(small, mu=decay), head, rows, 2, False)
        with ctx.workprec(BITS):
            other = checked_spectral.largest_block(ridge_of(twin, 2), list(rows), 2)
        kappa = largest_block(system, np.arange(9), 2, lambda: False)
        true = max(np.linalg.eigvalsh(K[np.ix_(M, M)]).max() for M in map(list, combinations(range(9), 2)))
        assert true <= float(other) * (1 + 1e-9)
        if kappa is not None:
            assert true * (1 - 1e-9) <= kappa
            assert float(other) <= kappa * (1 + 1e-6)
            proofs += kappa < spectral.ENOUGH
    assert proofs > 3


def test_a_comparison_is_taken_over_only_where_it_holds() -> None:
    """One for larger residuals holds for smaller ones; one that does not, or that leaves rows out, is not taken."""
    rng = np.random.default_rng(4)
    phi = np.c_[rng.standard_normal((30, 3)), np.ones(30)]
    codes, label = np.array([[-1.0], [1.0]]), (phi[:, 0] > 0).astype(np.int64)
    head = Head(phi, np.zeros(30), codes[label], codes, label, HEAD_LOSSES["squared"], np.ones((1, 4)), 1.0,
                np.ones(4, dtype=bool), False, np.ones((1, 4)), np.zeros(1))
    system = ridge(phi, head.mu(), head.decayed)
    assert isinstance(system, Ridge)
    root = root_of(head, system, np.arange(30), np.arange(1), lambda: False)
    assert root is not None
    state, alive = root.state(np.zeros(0, dtype=np.int64)), np.ones(30, dtype=bool)
    large = sums.terms(state, root.hat, alive, np.full(30, 2.0), 3)
    assert large is not None
    own, over = (sums.terms(state, root.hat, alive, np.full(30, 1.0), 3, start) for start in (None, large.xi))
    assert own is not None
    assert over is not None
    K = np.abs(phi @ np.linalg.solve(phi.T @ phi + head.mu()[0] * np.eye(4), phi.T))
    D = 1.0 - np.diagonal(K)
    np.fill_diagonal(K, 0.0)
    for one in (own, over):
        right = [np.sort(K * x, axis=1)[:, -2:].sum(axis=1) for x in (1.0 / D, one.xi)]
        assert (D * one.xi > right[0] + right[1]).all()
    assert (over.xi <= large.xi).all()
    for bad in (np.zeros(30), large.xi * 1e-3, np.where(np.arange(30) == 7, 0.0, large.xi)):
        found = sums.terms(state, root.hat, alive, np.full(30, 1.0), 3, bad)
        assert found is not None
        assert (found.xi == own.xi).all()


def test_nothing_known_bounds_no_sum() -> None:
    hat = majorant.unknown(5)
    assert hat.sums(np.ones(5), 0).tolist() == [0.0] * 5
    for s in (1, 2, 9):
        assert (hat.sums(np.ones(5), s) == np.inf).all()
        with np.errstate(invalid="ignore"):
            assert not (hat.sums(np.zeros(5), s) < 1.0).any()
