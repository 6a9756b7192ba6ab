"""Finder: weights near the minimum of a large head with a softmax or a sigmoid. Nothing is trusted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.left_out.reduced import Reduced

STEPS, CONJUGATE, HALVINGS = 30, 250, 12

SOLVED, FORCED = 2e-9, 0.05
"""Length of a gradient, of the sum of the lengths of the rows, that is small enough; error of a step."""


def near_whole(reduced: Reduced, check: Callable[[], None] = lambda: None) -> Array:
    """`(q, m)` weights: Newton's method by conjugate gradients that blocks of the Hessian precondition.

    Args:
        reduced: the problem.
        check: called between steps; raises when the time is up.
    """
    V = reduced.V.copy()
    g = reduced.gradient(V)
    size, goal = float(np.linalg.norm(g)), SOLVED * float(reduced.lengths.sum())
    blocks = _blocks(reduced, reduced.softmax(reduced.outputs(V))) if size > goal else np.empty(0)
    for _ in range(STEPS):
        if size <= goal:
            break
        check()
        s = reduced.softmax(reduced.outputs(V))
        step = _solved(reduced, s, g, blocks)
        t = 1.0
        for _ in range(HALVINGS):
            trial = reduced.gradient(V - t * step)
            if np.linalg.norm(trial) < (1.0 - t / 4) * size:
                break
            t /= 2
        else:
            break
        V, g, size = V - t * step, trial, float(np.linalg.norm(trial))
    return V


def _blocks(reduced: Reduced, s: Array) -> Array:
    """`(q, m, m)` inverses of the blocks of the second derivative on its diagonal."""
    blocks, on = np.empty((reduced.q, reduced.m, reduced.m)), np.flatnonzero(reduced.decayed)
    for a in range(reduced.q):
        part = reduced.phi * np.sqrt(s[:, a] * (1.0 - s[:, a]))[:, None]
        H = part.T @ part
        H[on, on] += reduced.mu[0] * reduced.Q[a, a]
        H[np.diag_indices_from(H)] += 1e-12 * float(np.trace(H)) / reduced.m
        try:
            blocks[a] = np.linalg.inv(H)
        except np.linalg.LinAlgError:
            blocks[a] = np.diag(1.0 / np.maximum(np.diagonal(H), 1e-300))
    return blocks


def _solved(reduced: Reduced, s: Array, g: Array, blocks: Array) -> Array:
    """About `H⁻¹g`."""
    x, r = np.zeros_like(g), g.copy()
    z = np.einsum("aij,aj->ai", blocks, r)
    p, rz = z.copy(), float((r * z).sum())
    first = rz
    for _ in range(CONJUGATE):
        u = s * reduced.outputs(p)
        u -= s * u.sum(axis=1, keepdims=True)
        Hp = u.T @ reduced.phi + reduced.decay(p, reduced.mu[0])
        curved = float((p * Hp).sum())
        if not curved > 0:
            break
        a = rz / curved
        x += a * p
        r -= a * Hp
        z = np.einsum("aij,aj->ai", blocks, r)
        new = float((r * z).sum())
        if new <= FORCED * FORCED * first:
            break
        p, rz = z + (new / rz) * p, new
    return x
