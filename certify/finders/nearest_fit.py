"""A finder: weights near the given ones that fit the moved data. Nothing it returns is trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.format.errors import EnclosureError
from certify.network.layer_scale import LayerScale
from certify.network.layers.jacobian import jacobian
from certify.network.layers.passes import backward, forward
from certify.rigor.arithmetic import Binary64
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.systems.interpolation.equations import System
from certify.systems.interpolation.nearby import Parameters, ball_of, given, residual_balls

STEPS, HALVINGS, LEAST = 40, 6, 1e-12

REWEIGHTINGS, START, FEWEST = 15, 1e-3, 1e-6
"""Of a vector for the lower end: steps, first shift as a share of the mean diagonal, and least size of a row."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """Weights that nearly solve a system, and the multipliers of its equations there.

    Attributes:
        parameters: the weights.
        multipliers: λ with `S(w − w̄) ≈ S⁻¹Jᵀλ`, one candidate a row; the first belongs to the given weights.
        gram, residual: `J_sJ_sᵀ` and G at the given weights; None where no Jacobian was formed.
    """

    parameters: Parameters
    multipliers: tuple[Array, ...]
    gram: Array | None = None
    residual: Array | None = None


@dataclass(frozen=True, eq=False)
class _Linear:
    """Residuals and the scaled Jacobian at some weights, in floats."""

    g: Array
    J: Array


def propose_nearest(system: System, scale: LayerScale) -> Proposal:
    """Go for the solution nearest to the given weights: each step is the nearest one of the linearised system.

    `v ← J_s⁺(J_s v − G)`, `v = S(w − w̄)`, `J_s = JS⁻¹`, shortened where the residual would grow. A fixed point is a
    stationary point of the distance on the solution set.

    Args:
        system: the system, in binary64.
        scale: the norm of the weights.
    """
    units = scale.columns(system.network, system.layers)[0].hi
    v = np.zeros(len(units))
    at = start = _linearised(system, units, v)
    found: list[Array] = []
    for _ in range(STEPS):
        multiplier = _solved(at.J @ at.J.T, at.J @ v - at.g)
        if multiplier is None:
            break
        found.append(multiplier)
        step = at.J.T @ multiplier - v
        size, t = float(np.linalg.norm(at.g)), 1.0
        for _ in range(HALVINGS):
            try:
                new = _linearised(system, units, v + t * step)
            except EnclosureError:  # overflow far away
                new = None
            if new is not None and float(np.linalg.norm(new.g)) < max(size, LEAST):
                break
            t /= 2
        else:
            break
        assert new is not None
        v, at = v + t * step, new
        if t == 1.0 and np.linalg.norm(step) <= LEAST * np.linalg.norm(v):
            break
    keep = (found[0], found[-1]) if len(found) > 1 else tuple(found)
    return Proposal(_placed(system, v * units), keep, start.J @ start.J.T, start.g)


def steadied(gram: Array, residual: Array, outputs: int, drift: float) -> Array | None:
    """z that nearly minimises `|J_sᵀz| + drift·Σ_i|z_i|` for a fixed `⟨z, G⟩`, by reweighting; i counts rows.

    Over a ball `|J_s(w)ᵀz|` grows by a multiple of `Σ_i|z_i|` at most, so that what is best at w̄ is carried away soon
    where the kernel is ill conditioned, and few rows with a little less to show reach further.

    Args:
        gram, residual: of a proposal.
        outputs: equations a row.
        drift: how much one unit of a row adds to the slope over the ball that is aimed at.
    """
    z = _solved(gram + np.diag(np.full(len(gram), START * np.trace(gram) / len(gram))), residual)
    for _ in range(REWEIGHTINGS):
        if z is None or not z.any():
            return None
        steep = float(np.sqrt(max(float(z @ gram @ z), 0.0)))
        rows = np.linalg.norm(z.reshape(-1, outputs), axis=1)
        rows = np.maximum(rows, FEWEST * rows.max())
        if not steep > 0:
            return z
        z = _solved(gram / steep + np.diag(drift / np.repeat(rows, outputs)), residual)
    return z


def _linearised(system: System, units: Array, v: Array) -> _Linear:
    arithmetic = Binary64()
    net = system.network
    weights = ball_of(_placed(system, v * units), 0.0, (), arithmetic)
    passed = forward(net, weights, system.points, arithmetic)
    adjoints = backward(net, weights, passed, arithmetic)
    biases = tuple(b is not None for b in net.biases)
    J = jacobian(passed, adjoints, system.layers, biases, arithmetic).mid.hi
    r, _ = residual_balls(system, passed.output, arithmetic)
    return _Linear(r.hi.ravel(), J * units)


def _solved(K: Array, b: Array) -> Array | None:
    x: np.ndarray | None
    try:
        x = np.linalg.solve(K, b)
    except np.linalg.LinAlgError:
        x = proposed(lambda: np.linalg.lstsq(K, b, rcond=None)[0])
    return np.asarray(x) if x is not None and np.isfinite(x).all() else None


def _placed(system: System, step: Array) -> Parameters:
    """The given weights plus a step, in the order of the Jacobian's columns."""
    start = given(system.network)
    weights, biases, at = list(start.weights), list(start.biases), 0
    for h in system.layers:
        W = start.weights[h - 1][0]
        moved = W + step[at:at + W.size].reshape(W.shape)
        weights[h - 1] = (moved, np.zeros_like(moved))
        at += W.size
        b = start.biases[h - 1]
        if b is not None:
            shifted = b[0] + step[at:at + len(b[0])]
            biases[h - 1] = (shifted, np.zeros_like(shifted))
            at += len(b[0])
    return Parameters(tuple(weights), tuple(biases))
