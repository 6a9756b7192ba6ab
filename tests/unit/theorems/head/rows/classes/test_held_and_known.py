"""D15: curvature that rows lack is counted whole, and of what is not known nothing is said."""

from __future__ import annotations

import numpy as np
import pytest

from certify.systems.head.rows.stored import rows as stored
from certify.systems.head.rows.stored.rows import Held, Rows
from certify.theorems.head.rows.classes.alone import Alone, Refits, _tried
from certify.theorems.head.rows.classes.answered import Asked
from certify.theorems.head.rows.classes.centre import Ground, gradients, kept_share
from certify.theorems.head.rows.classes.per_row import Each
from certify.theorems.head.rows.classes.slopes import chances
from certify.theorems.head.rows.classes.stepped import Stepped
from certify.theorems.head.rows.classes.system import system

Array = np.ndarray


def ground(phi: Array, y: Array, mu: float) -> Ground:
    """Rows as they are, all columns with decay."""
    rows = Rows(Held(phi), np.ones(phi.shape[1]))
    return Ground(rows, rows.per_row(y), np.full(phi.shape[1], mu), 0.0)


def test_a_share_counts_what_a_row_lacks_with_all_its_leverage() -> None:
    """Two rows have a direction each almost to themselves: what one of them lacks is lacking there in full."""
    phi = np.array([[3.0, 0.0], [0.0, 3.0], [0.3, 0.2]])
    g, used = ground(phi, np.array([0, 1, 0]), 1e-3), 0.0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        V = 0.3 * rng.standard_normal((1, 2))
        by = system(g.rows, V, g.mu, 0.0)
        leverage = g.rows.tallied(Each(V, g.label, by.R, by.size, by.gap)).numbers()[3]
        W = V + rng.uniform(0.1, 1.0) * rng.standard_normal((1, 2))
        found = gradients(g, V, by, W[None], np.array([2]), leverage)
        held = kept_share(found.lacks, leverage[[2]], by.unsure)[0]
        sigma = chances(V, phi).sigma
        kept = np.exp(-np.abs(phi @ (W - V)[0])) * [1.0, 1.0, 0.0]
        B = (phi.T * (kept * sigma[:, 0] * sigma[:, 1])) @ phi + 0.5 * np.diag(g.mu)
        least = np.linalg.eigvalsh(by.R @ B @ by.R.T)[0]
        assert held <= least + 1e-10
        used = max(used, held / least)
    assert used > 0.98


def test_of_a_row_at_an_infinite_distance_no_label_is_said() -> None:
    """Its weights would flip the point; so would those of the next row, at which they do."""
    points = Asked(np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros(2, np.int64), np.array([[0.0, 1.0]] * 2), np.ones(2))
    W = np.array([[[-5.0, 5.0]], [[5.0, -5.0]]])
    found = Alone(np.full(2, np.inf), np.full(2, -1))
    assert not _tried(found, Refits(np.array([7, 9]), W, np.array([np.inf, 0.5])), points)
    assert found.flips.tolist() == [-1, 9]
    assert found.least.tolist() == [-np.inf, -np.inf]
    assert found.stuck == 7
    held = Alone(np.full(2, np.inf), np.full(2, -1))
    assert _tried(held, Refits(np.array([9]), W[1:], np.array([0.5])), points)
    assert held.least[0] > 4.0 and held.stuck < 0


def test_gradients_at_outputs_too_far_apart_are_not_known() -> None:
    """In any part of the rows: by one reading, and where another one has read the part."""
    g = ground(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([0, 1, 0]), 1.0)
    V, W = np.zeros((1, 2)), np.array([[[400.0, 0.0]], [[1.0, 0.0]]])
    none, leverage = np.array([-1, -1]), np.full(3, 0.3)
    bound = gradients(g, V, system(g.rows, V, g.mu, 0.0), W, none, leverage).bound
    assert np.isinf(bound).tolist() == [True, False]
    task = Stepped(V, W, none, g.label, leverage)
    for first in (0, 1):
        tallies = task.tally(), task.tally()
        tallies[first].take(0, 0, g.rows.whole()[:1])
        tallies[1 - first].take(1, 1, 0.0 * g.rows.whole()[1:])
        tallies[0].add(tallies[1].told())
        assert tallies[0].known.tolist() == [False, True]


def test_one_part_that_is_not_known_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of many parts has the row whose outputs lie too far apart."""
    monkeypatch.setattr(stored, "BLOCK", 4)
    monkeypatch.setattr(stored, "AT_ONCE", 1)
    phi = np.full((37, 1), 0.01)
    phi[0] = 1.0
    g = ground(phi, np.arange(37) % 2, 1.0)
    task = Stepped(np.zeros((1, 1)), np.full((1, 1, 1), 400.0), np.array([-1]), g.label, np.full(37, 0.1))
    assert len(list(g.rows.parts(task.beside))) > 5
    assert not g.rows.tallied(task).known[0]
