"""D30 where numbers are at the ends of what single precision holds, and of single predictions."""

from __future__ import annotations

import dataclasses
from itertools import combinations

import numpy as np
import pytest

from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.deleted_triples import curvature, method
from certify.theorems.head.rows.deleted_triples.method import DeletedTriples
from certify.theorems.head.rows.method import Budget
from tests.families.logistic_heads import logistic_head, refits


def next_to_refits(S: Array, decay: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Points that a refit without three rows flips by a millionth, along what sums of steps leave; and all refits."""
    n = len(S)
    choices = [T for size in range(4) for T in combinations(range(n), size)]
    kept = np.array([np.where(np.isin(np.arange(n), T), 0.0, 1.0) for T in choices])
    W = refits(S, np.ones_like(kept), kept, decay)
    p = 1.0 / (1.0 + np.exp(S @ W[0]))
    H = (S.T * (p * (1.0 - p))) @ S + np.diag(decay)
    found = []
    for b in rng.choice(np.flatnonzero([len(T) == 3 for T in choices]), 30, replace=False):
        u = -H @ (W[b] - W[0] - sum(W[1 + i] - W[0] for i in choices[b]))
        u /= np.linalg.norm(u)
        v = W[0] / np.linalg.norm(W[0])
        low, high = -1e3, 1e3
        for _ in range(90):
            middle = 0.5 * (low + high)
            e = u + middle * v
            low, high = (low, middle) if (W @ e).min() > -1e-6 * (e @ W[0]) else (middle, high)
        e = u + low * v
        if e @ W[0] > 0.0:
            found.append(e)
    return np.array(found).reshape(-1, S.shape[1]), W


@pytest.mark.parametrize("scale", [1e-200, 1e-46, 1e-43, 1.0, 3e38, 1e120])
def test_points_of_all_sizes(monkeypatch: pytest.MonkeyPatch, scale: float) -> None:
    monkeypatch.setattr(method, "LEAST", 0)
    flipped = 0
    for seed in range(4):
        rng = np.random.default_rng([99, seed])
        head = logistic_head(rng, 12, decay=float(10.0 ** rng.uniform(0.5, 1.8)))
        head = dataclasses.replace(head, decayed=np.ones(head.m, bool))
        change = RowChange(False, 3, tuple(range(12)))
        s, _ = oriented(head, change)
        points, W = next_to_refits(s.S, s.decay, rng)
        if not len(points):
            continue
        near = dataclasses.replace(head, points=points * scale, points_rad=np.zeros(len(points)))
        part = DeletedTriples().prove(near, change, near.today >= 0, Budget())
        least = (points @ W.T).min(axis=1)
        bad = least < -1e-8 * np.abs(points @ W[0])
        assert part is not None and not (part.proved & bad).any()
        flipped += int(bad.sum())
    assert flipped > 20


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_no_number_takes_all(number: float) -> None:
    B = np.zeros((3, 4, 4), np.float32)
    B[1], B[2, 1, 2] = np.eye(4), number
    found = curvature._largest(B)
    assert found[0] == 0.0 and 1.0 <= found[1] < 1.2 and not found[2] < 1e30


def test_norms_are_of_any_matrix() -> None:
    """Products in floats are never quite symmetric: of a shear the square says nothing, and what it does is long."""
    shear = np.zeros((1, 8, 8), np.float32)
    shear[0, 0, 1] = 3.0
    assert 3.0 <= curvature._largest(shear)[0] < 3.5


def test_one_prediction_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method, "LEAST", 0)
    proved = 0
    for seed in range(6):
        head = logistic_head(np.random.default_rng([98, seed]), 12, points=1, decay=30.0)
        head = dataclasses.replace(head, decayed=np.ones(head.m, bool))
        part = DeletedTriples().prove(head, RowChange(False, 3, tuple(range(12))), head.today >= 0, Budget())
        proved += 0 if part is None else int(part.proved.sum())
    assert proved > 1
