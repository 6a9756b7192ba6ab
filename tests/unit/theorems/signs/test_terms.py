"""Each term of O1 at its full size: designs whose arrays, weights and R are far from those of least squares."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from certify.theorems.signs.bound import TILTS, Bounds
from certify.theorems.signs.design import Design, enclosed
from certify.theorems.signs.groups import tables

SEEDS = (*range(100), 154, 200, 229, 285, 327, 504, 599, 783, 820, 830, 923, 998)
"""The last ones are of designs that refute the inequality without some term of it: ℓ, δ, e."""


def covariance_of(design: Design, keep: np.ndarray) -> float:
    """`aᵀPb` on the rows that are kept, in floats."""
    a, b, W = design.a[keep], design.b[keep], design.W[keep]
    if design.groups is not None:
        g = design.groups[keep]
        W = np.hstack([W, (g[:, None] == np.unique(g)[None, :]).astype(float)])
    if W.shape[1] == 0:
        return float(a @ b)
    u, s, _ = np.linalg.svd(W, full_matrices=False)
    u = u[:, s > 1e-9 * max(s[0], 1e-300)]
    return float(a @ b - (u.T @ a) @ (u.T @ b))


def drawn(rng: np.random.Generator) -> Design | None:
    n, q = int(rng.integers(5, 9)), int(rng.integers(0, 3))
    Z, x = rng.normal(size=(n, q)), rng.normal(size=n)
    y = rng.normal(size=n) * rng.choice([0.1, 1, 3]) + x * rng.choice([0, 1, -2])
    groups = np.unique(rng.integers(0, int(rng.integers(1, 4)), n), return_inverse=True)[1]
    return enclosed(x, y, Z, groups if rng.random() < 0.6 else None)


def loosened(rng: np.random.Generator, d: Design) -> tuple[Design, Design]:
    """The true design with other λ, μ and R, and one whose arrays are off by as much as it says."""
    n, q = d.W.shape
    alpha, beta = (rng.choice([0, 0.03, 0.3]) * rng.normal(size=q) for _ in range(2))
    if rng.random() < 0.3:
        beta = -alpha
    W = d.W @ (np.eye(q) + rng.choice([0, 0.03, 0.1]) * rng.normal(size=(q, q)))
    a, b = d.a + W @ alpha, d.b + W @ beta
    true, off = replace(d, a=a, b=b, W=W), float(rng.choice([0, 1e-3, 1e-2]))
    noise_a, noise_b = -off * np.sign(b), -off * np.sign(a)  # products look smaller than they are
    if rng.random() < 0.5:
        noise_a, noise_b = off * rng.uniform(-1, 1, n), off * rng.uniform(-1, 1, n)
    noise = off * rng.normal(size=W.shape)
    up = 1 + 1e-9
    return true, replace(
        true, a=a + noise_a, b=b + noise_b, W=W + noise, a_off=off * up, b_off=off * up,
        w_off=float(np.sqrt((noise**2).sum(axis=1)).max()) * up, a_left=float(np.linalg.norm(W.T @ a)) * up,
        b_left=float(np.linalg.norm(W.T @ b)) * up,
        defect=float(np.linalg.norm(W.T @ W - np.eye(q), 2) if q else 0) * up + 1e-15)


@pytest.mark.parametrize("part", range(5))
def test_no_rows_take_more_than_the_inequality_says(part):
    closest, asked = 0.0, 0
    for seed in SEEDS[part::5]:
        rng = np.random.default_rng([4, seed])
        design = drawn(rng)
        if design is None:
            continue
        true, given = loosened(rng, design)
        n, bounds, most = len(true.a), Bounds(given, 3), -np.inf
        whole = covariance_of(true, np.ones(n, dtype=bool))
        low, high = given.covariance()
        assert low - 1e-12 <= whole <= high + 1e-12
        assert bounds.least <= 4 * float(true.a @ true.b) + 1e-12
        for k in (1, 2, 3):
            if k >= n - true.W.shape[1] - 1:
                break
            kappa = bounds.pairs.largest_eigenvalue(k)
            for gone in combinations(range(n), k):
                keep = np.ones(n, dtype=bool)
                keep[list(gone)] = False
                most = max(most, 4 * (float(true.a @ true.b) - covariance_of(true, keep)))
            for tilt in TILTS:
                said = bounds.taken(k, tilt, kappa)
                asked += 1
                assert most <= said + 1e-9 * max(1.0, abs(said)), (seed, k, tilt)
                closest = max(closest, most / said if said > 0 else 0.0)
    assert asked > 50
    assert closest > 0.5  # else these designs would let anything pass


@pytest.mark.parametrize("seed", range(12))
def test_every_entry_of_the_tables_holds_for_every_choice_of_rows(seed):
    rng = np.random.default_rng([5, seed])
    sizes = rng.integers(1, 6, int(rng.integers(2, 4)))
    groups = np.repeat(np.arange(len(sizes)), sizes)
    n = len(groups)
    V = rng.normal(size=(n, 4)) * rng.choice([1.0, 5.0], (n, 1))
    for g in range(len(sizes)):
        V[groups == g] -= V[groups == g].mean(axis=0)
    a, b, W = V[:, 0], V[:, 1], V[:, 2:]
    u, off = 1.1 * a + 0.9 * b, 1e-3
    near = (v - off * np.sign(v) for v in (a, b, u))
    found = tables(*near, W * (1 - 1e-4), groups, (off, off, off, 1e-4 * float(np.sqrt((W**2).sum(1)).max())), 3)
    for g, size in enumerate(sizes):
        inside = np.flatnonzero(groups == g)
        assert found.products[g][0] == found.products[g][size] == 0.0
        for m in range(1, size):
            for M in combinations(inside, m):
                rows, left = list(M), size - m
                long = float(np.linalg.norm(W[rows].sum(axis=0)))
                assert 4 * a[rows].sum() * b[rows].sum() / left <= found.products[g][m]
                assert abs(u[rows].sum()) * long / left <= found.turns[g][m]
                assert long * long / left <= found.squares[g][m]
