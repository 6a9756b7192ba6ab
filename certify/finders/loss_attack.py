"""Attacks: perturbations that lift the loss above the level. Found in floats, accepted only if proved."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.format.errors import EnclosureError
from certify.network.layers.passes import forward, known_weights
from certify.network.loss.losses import enclose_losses
from certify.network.network import Network
from certify.problem.limits import OutOfTime
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.activation import activation
from certify.rigor.arithmetic import Binary64
from certify.rigor.finder import FAILED
from certify.rigor.fp import RAISE, Array

STEPS, TRIES = 30, 18

SMALLEST = 1e-30
"""Budget from which an attack is sought where no radius was proved."""


@dataclass(frozen=True, eq=False)
class Attack:
    """Moved features with a loss proved above the level, and a proved bound of their budget.

    Attributes:
        moved: `(n, d)` features.
        radius: upper bound of the budget they use, in the units of the perturbation set.
    """

    moved: Array
    radius: float


def no_check() -> None:
    """Time without a limit."""


def find_attack(problem: Problem, certified: float, check: Callable[[], None] = no_check) -> Attack | None:
    """Smallest proved attack found by projected gradient ascent, or None.

    Args:
        problem: a sublevel problem whose features move, with an explicit level.
        certified: radius below which no attack exists; the search starts there.
        check: raises when the time is up; the best attack by then is the answer.
    """
    good: Attack | None = None
    low, high, step = max(certified, SMALLEST), None, 2.0
    trial = 1.25 * low
    for attempt in range(TRIES):
        try:
            check()
            attack = _attempt(problem, trial)
        except OutOfTime:
            break
        if attack is not None:
            good = attack if good is None or attack.radius < good.radius else good
            high = trial
        else:
            low = trial
        if high is None:
            step = step if attempt < 4 else min(step * step, 1e4)  # far from the certified radius: larger strides
            trial = step * low
        else:
            trial = math.sqrt(low * high) if high > 2.0 * low else 0.5 * (low + high)
        if high is not None and high - low < 5e-3 * high:
            break
    return good


def _attempt(problem: Problem, radius: float) -> Attack | None:
    """One search at one radius; overflow in the search is no attack."""
    try:
        with np.errstate(all="ignore"):
            moved = _ascend(problem, radius)
    except FAILED:
        return None
    return _prove(problem, moved)


def _ascend(problem: Problem, radius: float) -> Array:
    """Moved features with the largest loss met by projected gradient ascent; floats, nothing proved."""
    scale = np.ones(problem.inputs) if problem.scale is None else problem.scale
    moving = np.isin(np.arange(problem.n), np.array(problem.rows))[:, None]
    u, best, best_loss = np.zeros_like(problem.X), problem.X, -np.inf
    rng, budget = np.random.default_rng(0), problem.budget
    for step in range(STEPS):
        loss, g = _loss_and_gradient(problem, problem.X + u * scale)
        if step and loss > best_loss:
            best, best_loss = problem.X + u * scale, loss
        g = g * scale * moving
        if step == 0:  # a stationary point (an exact fit) gives no direction
            size = np.linalg.norm(g, axis=1, keepdims=True)
            noise = rng.standard_normal(g.shape) * moving * (scale > 0)
            g = np.where(size > 1e-9 * max(float(size.max()), 1e-300), g, noise) if loss > 1e-12 else noise
        stride = 1.0 if step == 0 else 2.0 / (1.0 + 0.15 * step)
        u = budget.projected(u + stride * budget.projected(g, radius, stretch=True), radius)
    return best


def _loss_and_gradient(problem: Problem, X: Array) -> tuple[float, Array]:
    """`Σ ℓ_i` and `∂ℓ_i/∂x_i` for every row, in floats."""
    net = problem.network
    assert isinstance(net, Network)  # of a graph only targets and sample weights move
    a, slopes = X, []
    for h in range(net.depth):
        b = net.biases[h]
        z = a @ net.weights[h].T + (0.0 if b is None else b)
        if h < net.depth - 1:
            value, slope = activation(net.activation).enclose(z)
            a = value.mid
            slopes.append(slope.mid)
    loss, v = _output_slope(problem, z)
    for h in range(net.depth - 1, -1, -1):
        v = v @ net.weights[h]
        if h > 0:
            v = v * slopes[h - 1]
    return loss, v


def _output_slope(problem: Problem, f: Array) -> tuple[float, Array]:
    """`Σ ℓ_i` and `∂ℓ_i/∂f`, in floats."""
    return problem.row_loss.ascent(f, problem.row_loss.aims(problem.y, problem.labels, f.shape[1]))


def _prove(problem: Problem, moved: Array) -> Attack | None:
    """The attack with its proved budget, if its loss is proved above the level."""
    from certify.systems.sublevel.descent import loss_ends

    if not np.isfinite(moved).all():
        return None
    assert isinstance(problem.network, Network)  # of a graph only targets and sample weights move
    arithmetic = Binary64()
    try:
        passed = forward(problem.network, known_weights(problem.network), moved, arithmetic)
        terms = enclose_losses(problem.loss, passed.output, problem.y, problem.labels, arithmetic)
    except EnclosureError:  # out of range: not a proved attack
        return None
    assert problem.level is not None
    if loss_ends(problem, terms).lower <= Fraction(problem.level):
        return None
    scale = np.ones(problem.inputs) if problem.scale is None else problem.scale
    gap = np.abs(moved - problem.X)
    u = np.where(scale > 0, gap / np.where(scale > 0, scale, 1.0), 0.0)
    return Attack(moved, problem.budget.size(fp.row_norms(u) * RAISE) * RAISE)
