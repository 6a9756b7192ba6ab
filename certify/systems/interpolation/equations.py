"""A system `f(x_i, w) = t_i` whose points and targets are known as balls: the interpolation map at one u."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from certify.network.layers.passes import forward, known_weights
from certify.network.network import Network
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair, two_product, two_sum
from certify.rigor.ball import Balls, exact_points
from certify.rigor.fp import RAISE, Array

if TYPE_CHECKING:
    from certify.problem.problem import Problem


@dataclass(frozen=True, eq=False)
class System:
    """`f(x_i, w) = t_i` for every row, in the free layers.

    Attributes:
        network: the network, at the weights in the file.
        layers: the free layers, from 1.
        points: `(n, d)`, the x_i.
        targets: `(n, k)`, the t_i.
    """

    network: Network
    layers: tuple[int, ...]
    points: Balls
    targets: Balls


def unmoved(problem: Problem, arithmetic: Arithmetic) -> System:
    """The system of base `nearby` at u = 0: the features and the targets in the file."""
    assert problem.y is not None
    kept = np.array(problem.kept)
    net = problem.network
    assert isinstance(net, Network)
    return System(net, net.layers(problem.layer), exact_points(problem.X[kept], arithmetic),
                  exact_points(problem.y[kept], arithmetic))


def moved(problem: Problem, arithmetic: Arithmetic) -> System:
    """The system of base `given` at the given change: `f(x_i + scale∘u_i, w) = f(x_i, w̄)`, or `… + u_i`.

    Args:
        problem: interpolation, base `given`, set `given`.
        arithmetic: double-double for both; in binary64 the low parts of the points join their radii.
    """
    assert problem.change is not None
    kept = np.array(problem.kept)
    net, X, u = problem.network, problem.X[kept], problem.change[kept]
    assert isinstance(net, Network)
    own = forward(net, known_weights(net), X, arithmetic).output
    if problem.moving.inputs:
        return System(net, net.layers(problem.layer), shifted_points(X, u, problem.scale, arithmetic), own)
    t = arithmetic.add(own.mid, Pair(u))
    rad = (own.rad + arithmetic.unit * (own.norm + fp.row_norms(u))) * RAISE
    return System(net, net.layers(problem.layer), exact_points(X, arithmetic), Balls.make(t, rad, arithmetic))


def shifted_points(X: Array, u: Array, scale: Array | None, arithmetic: Arithmetic) -> Balls:
    """`x_i + scale∘u_i` as balls: exact but for the last rounding of low parts, at most `2u|lo|` an entry.

    Rows that do not move are exact.
    """
    s, low = two_sum(X, u)
    error = np.zeros_like(X)
    if scale is not None:
        p, e = two_product(np.broadcast_to(scale, u.shape), u)
        s, t = two_sum(X, p)
        rest = t + e
        error = 2.0 * fp.U * np.abs(rest)
        s, low = two_sum(s, rest)
    fp.require_finite(s, "moved features")
    fp.require_finite(low, "moved features")
    moving = u.any(axis=1)
    rad = np.where(moving & error.any(axis=1), fp.row_norms(error), 0.0)
    if scale is not None:
        rad = np.where(moving, np.maximum(rad, fp.FLOOR), 0.0)  # underflow of scale∘u
    if arithmetic.extended:
        return Balls.make(Pair(s, low), rad * RAISE, arithmetic)
    lost = np.where(low.any(axis=1), fp.row_norms(low), 0.0)
    return Balls.make(Pair(s), (rad + lost) * RAISE, arithmetic)
