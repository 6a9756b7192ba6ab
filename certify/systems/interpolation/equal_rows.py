"""Refutation by equal rows: two training rows with the same features cannot move apart (M2, `Kz = 0`, `Qz ≠ 0`)."""

from __future__ import annotations

import numpy as np

from certify.format.errors import EnclosureError
from certify.network.layers.passes import backward, forward, known_weights
from certify.network.network import Network
from certify.problem.perturbations.factor import scaled
from certify.problem.problem import Problem
from certify.rigor.arithmetic import Binary64


def refuting_pair(problem: Problem) -> tuple[int, int] | None:
    """Rows i < j with equal features of which one moves and moves the network's output, or None.

    `z = e_(i,a) − e_(j,a)` has `G_wᵀz = 0` exactly, since equal rows have equal gradients. If one of them may
    move, and `∂f_a/∂x ≠ 0` there (features; proved by its enclosure) or targets move, `G_uᵀz ≠ 0`: S is not
    Lipschitz-like at all.
    """
    if problem.merge_duplicates or not problem.groups:
        return None
    movable = set(problem.rows)
    pairs = []
    for group in problem.groups:
        for i in movable.intersection(group):
            j = next(other for other in group if other != i)
            pairs.append((min(i, j), max(i, j)))
    if not pairs:
        return None
    pairs.sort()
    if not problem.moving.inputs:
        return pairs[0]
    firsts = np.array([i for i, _ in pairs])
    net = problem.network
    assert isinstance(net, Network)  # a graph has the sublevel map alone
    weights = known_weights(net)
    try:
        passed = forward(net, weights, problem.X[firsts], Binary64())
        gradient = scaled(backward(net, weights, passed, Binary64())[0], problem.scale)
    except EnclosureError:  # not refuted; what is out of range is reported where the bounds need it
        return None
    if passed.kinks[0]:
        return None
    moving = np.abs(gradient.mid.hi).max(axis=1) > gradient.rad
    moving = moving.reshape(len(pairs), -1).any(axis=1)
    return pairs[int(np.argmax(moving))] if moving.any() else None
