"""D3 against every change of every subset, in rationals."""

from __future__ import annotations

import numpy as np
import pytest

from certify.systems.head.rows.ridge import Ridge, ridge, solve
from certify.theorems.head.rows.squared.contrasts import contrasts
from certify.theorems.head.rows.squared_labels import Labels, Targets, Tolerated, tolerated, worst
from tests.families.squared_heads import SmallHead, small_head
from tests.oracles import squared_head as oracle


def problem(head: SmallHead) -> Labels | None:
    system = ridge(head.phi, (head.mu, 0.0), head.decayed)
    if isinstance(system, str):
        return None
    return Labels(system, Targets(head.Y, head.codes, head.label[:, None] != np.arange(len(head.codes))))


def found(head: SmallHead) -> Tolerated | None:
    labels = problem(head)
    return None if labels is None else tolerated(labels, head.points, head.today, head.threshold)


@pytest.mark.parametrize(("outputs", "n", "seed"), [(1, 7, s) for s in range(25)] + [(2, 6, s) for s in range(10)]
                         + [(3, 4, s) for s in range(20)] + [(1, 1, 0), (3, 2, 1)])
def test_ends_hold_the_exact_number(outputs: int, n: int, seed: int) -> None:
    head = small_head(np.random.default_rng([seed, outputs, n]), n, outputs)
    r = found(head)
    if r is None:
        assert head.mu < 1 or not head.decayed.all() or np.abs(head.phi).max() > 1e3
        return
    may = [[c for c in range(len(head.codes)) if c != a] for a in head.label]
    given = head.phi.tolist(), head.Y.tolist(), head.mu, head.decayed.tolist()
    for j, e in enumerate(head.points.tolist()):
        strict, loose = oracle.tolerated_labels(*given, e, int(head.today[j]), head.codes.tolist(), may, head.threshold)
        assert r.lower[j] <= strict
        assert loose <= r.upper[j]
        assert r.decided[j]


def test_almost_every_end_is_met() -> None:
    met = []
    for seed in range(40):
        r = found(small_head(np.random.default_rng(seed), 12, 1 + 2 * (seed % 2)))
        met += [] if r is None else (r.lower == r.upper).tolist()
    assert np.mean(met) > 0.9


def test_worst_rows_flip() -> None:
    rng = np.random.default_rng(5)
    head = small_head(rng, 9, 3)
    labels = problem(head)
    assert labels is not None
    r = tolerated(labels, head.points, head.today)
    for j in np.flatnonzero(r.upper < 9):
        condition = contrasts(int(head.today[j]), 3, 0.0)[int(r.rival[j])]
        attack = worst(labels, head.points[j], condition, int(r.upper[j]) + 1)
        Y = head.Y.copy()
        Y[attack.rows] = head.codes[attack.codes]
        W = oracle.refit(head.phi.tolist(), Y.tolist(), head.mu, head.decayed.tolist())
        assert W is not None
        assert oracle.margin(W, head.points[j].tolist(), int(head.today[j])) < 0


def test_only_rows_that_may_change() -> None:
    head = small_head(np.random.default_rng(3), 8, 1)
    system = ridge(head.phi, (head.mu, 0.0), head.decayed)
    assert isinstance(system, Ridge)
    nothing = np.zeros((8, 2), dtype=bool)
    r = tolerated(Labels(system, Targets(head.Y, head.codes, nothing)), head.points, head.today, head.threshold)
    assert (r.lower == 0).all()
    assert (r.upper == 0).all()


def test_a_wrong_label_today_tolerates_nothing() -> None:
    head = small_head(np.random.default_rng(3), 8, 1)
    labels = problem(head)
    assert labels is not None
    r = tolerated(labels, head.points, 1 - head.today, head.threshold)
    assert (r.lower == -1).all()
    assert (r.upper == -1).all()


def test_time_up_says_nothing() -> None:
    head = small_head(np.random.default_rng(3), 8, 1)
    labels = problem(head)
    assert labels is not None
    r = tolerated(labels, head.points, head.today, head.threshold, late=lambda: True)
    assert not r.decided.any()
    assert (r.lower == -1).all()
    assert (r.upper == 8).all()


@pytest.mark.parametrize(("phi", "mu", "decayed"), [
    (np.ones((3, 2)), (0.0, 0.0), [True, True]),
    (np.c_[np.zeros(3), np.ones(3)], (1.0, 0.0), [False, True]),
    (np.array([[1.0, np.nan]]), (1.0, 0.0), [True, True]),
    (np.ones((3, 2)), (np.nan, 0.0), [True, True]),
    (np.ones((3, 2)), (-1.0, 0.0), [True, True]),
    (np.ones((3, 2)), (1.0, np.inf), [True, True]),
    (np.ones((3, 2)), (1e-17, 0.0), [True, True]),
    (np.ones((3, 2)), (1.0, 1.0), [True, True]),
    (np.ones((3, 2)) * 1e40, (1.0, 0.0), [True, True]),
])
def test_what_is_not_definite_is_refused(phi: np.ndarray, mu: tuple[float, float], decayed: list[bool]) -> None:
    assert isinstance(ridge(phi, mu, np.array(decayed)), str)


def test_loose_features_and_points_are_counted() -> None:
    rng = np.random.default_rng(11)
    phi = np.c_[rng.standard_normal((6, 2)), np.ones(6)]
    points = np.c_[rng.standard_normal((4, 2)), np.ones(4)]
    decayed = np.ones(3, dtype=bool)
    system = ridge(phi, (0.5, 0.0), decayed, np.full(6, 1e-3))
    assert isinstance(system, Ridge)
    solved = solve(system, points, np.full(4, 1e-2))
    for _ in range(50):
        D, d = rng.standard_normal((6, 3)), rng.standard_normal((4, 3))
        P = phi + 1e-3 * D / np.linalg.norm(D, axis=1)[:, None]
        E = points + 1e-2 * d / np.linalg.norm(d, axis=1)[:, None]
        q = E @ np.linalg.solve(P.T @ P + 0.5 * np.eye(3), P.T)
        assert (np.linalg.norm(q - solved.u @ system.phi.T, axis=1) <= solved.off).all()
    exact = solve(system, points)
    assert (exact.off < solved.off).all()


@pytest.mark.parametrize(("outputs", "seed"), [(1, s) for s in range(12)] + [(3, s) for s in range(12)])
def test_labels_after_a_change_are_those_of_the_exact_refit(outputs: int, seed: int) -> None:
    rng = np.random.default_rng([seed, outputs, 7])
    head = small_head(rng, 8, outputs, points=4)
    labels = problem(head)
    if labels is None:
        return
    solved, every = solve(labels.system, head.points), np.arange(4)
    for size in (0, 1, 3):
        rows = rng.choice(8, size, replace=False)
        Y = head.Y.copy()
        Y[rows] = head.codes[rng.integers(0, len(head.codes), size)]
        _, sides = labels.outputs.changed(solved, every, rows, Y[rows] - head.Y[rows], head.threshold)
        W = oracle.refit(head.phi.tolist(), Y.tolist(), head.mu, head.decayed.tolist())
        assert W is not None
        for e, side in zip(head.points.tolist(), sides.tolist(), strict=True):
            if side >= 0:
                assert oracle.margin(W, e, side, head.threshold) >= 0


def test_a_tie_after_a_change_is_no_label() -> None:
    phi, Y = np.eye(2), np.array([[1.0, 0.0], [0.0, 1.0]])
    system = ridge(phi, (1.0, 0.0), np.ones(2, dtype=bool))
    assert isinstance(system, Ridge)
    labels = Labels(system, Targets(Y, np.eye(2), np.ones((2, 2), dtype=bool)))
    moved, rows = np.array([[-0.5, 0.5]]), np.array([0])
    solved = solve(system, np.array([[1.0, 0.0], [0.0, 1.0]]))
    _, sides = labels.outputs.changed(solved, np.arange(2), rows, moved, 0.0)
    assert sides.tolist() == [-1, 1]


def test_points_that_tolerate_less_come_with_their_rows() -> None:
    head = small_head(np.random.default_rng(5), 9, 3)
    labels = problem(head)
    assert labels is not None
    r = tolerated(labels, head.points, head.today, count=4)
    assert set(r.hardest) == set(np.flatnonzero(r.upper < 4).tolist())
    for j, one in r.hardest.items():
        condition = contrasts(int(head.today[j]), 3, 0.0)[int(r.rival[j])]
        same = worst(labels, head.points[j], condition, int(r.upper[j]) + 1)
        assert one.rows.tolist() == same.rows.tolist()
        assert one.codes.tolist() == same.codes.tolist()
