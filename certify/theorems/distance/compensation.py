"""Q4: an upper end of the distance over a whole budget of feature changes, by letting one layer compensate.

Any activation, kinks too, and any depth: layer h is changed so that every later layer has the inputs it had. What is
needed is that the inputs of layer h, one row a sample, keep full row rank.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import EnclosureError
from certify.network.layers.jacobian import Jacobian
from certify.network.layers.passes import Forward, forward, known_weights
from certify.network.lipschitz.of_first_layer import first_layer_steepness
from certify.network.lipschitz.of_outputs import output_steepness
from certify.network.lipschitz.reach import reach
from certify.network.network import Network
from certify.problem.limits import OutOfTime
from certify.problem.norms.row_norm import ROW_NORMS
from certify.problem.perturbations.factor import BlockFactor
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.activation import activation
from certify.rigor.arithmetic import Binary64, Pair
from certify.rigor.ball import Balls
from certify.rigor.fp import Array
from certify.rigor.singular import enclose_norm2, enclose_sigma_min
from certify.systems.interpolation.congruence import Failure, jacobian_congruence
from certify.theorems.distance.layer_constants import (
    Neighbourhood,
    affordable,
    expected,
    neighbourhood,
    prove_constants,
)
from certify.theorems.modulus.kernel import enclose_modulus

ROOM = Fraction(1) + Fraction(1, 2**9)
"""Left for the norms a checker computes by itself."""

GAIN = 0.99
"""LipSDP, factorisations for every row, is tried where less than about this share of the best bound is in reach."""


@dataclass(frozen=True)
class Compensation:
    """`distance ≤ upper` by layer `layer`.

    Attributes:
        layer: the layer that adjusts.
        upper: the bound; None if the budget is larger than that layer can take.
        sigma: `1/‖A⁺diag(ω_i/ω)‖` or less; `σ(A)` where all ω_i are equal.
        lipschitz: ω, the largest of the upper bounds ω_i.
        most: the radius `σ(A)/ω` below which the layer can compensate, rounded down.
        constants: multipliers that prove ω and S row by row, `(moving, …)` float32; None where norms of layers and
            what is known of the first and the last one do.
    """

    layer: int
    upper: float | None
    sigma: float
    lipschitz: float
    most: float
    constants: NDArray[np.float32] | None = None


def compensate(
    problem: Problem, check: Callable[[], None] = lambda: None, sharpen: bool = True
) -> tuple[Compensation, ...]:
    """What each free layer with enough inputs can compensate, the best first (Q4).

    Constants of layers by norms first; by LipSDP where that can make the bound smaller than the best one by norms, as
    far as the time allows.

    Args:
        problem: interpolation, base `given`, features, a set with a radius.
        check: called between the rows of LipSDP; raises :class:`certify.problem.limits.OutOfTime`.
        sharpen: whether LipSDP is tried.
    """
    net = problem.network
    assert isinstance(net, Network)
    kept = np.array(problem.kept)
    passed = forward(net, known_weights(net), problem.X[kept], Binary64(), keep_pre=True)
    near = _near(problem, net, passed)
    found: dict[int, tuple[_Movement, Compensation]] = {}
    for h in net.layers(problem.layer):
        biased = net.biases[h - 1] is not None
        if net.weights[h - 1].shape[1] + biased < len(kept):
            continue  # the rows of A cannot be independent
        try:
            movement = _by_norms(problem, net, h, near)
            found[h] = movement, _of_layer(problem, net, h, passed.inputs[h - 1], movement)
        except EnclosureError:  # norms that overflow
            continue
    every = [plain for _, plain in found.values()]
    try:
        for sharper in _sharpened(problem, net, passed, found, check) if sharpen else ():
            every.append(sharper)
    except EnclosureError:  # the balls are too large for bounds that are finite
        pass
    except OutOfTime:  # what was proved by then counts
        pass
    return tuple(sorted(every, key=lambda c: (c.upper is None, c.upper or 0.0, -c.most)))


@dataclass(frozen=True, eq=False)
class _Movement:
    """`(n,)` bounds ω_i and S_i of how far a layer's inputs and pre-activations move; 0 for rows that do not move."""

    inputs: Array
    rows: Array


def _sharpened(
    problem: Problem, net: Network, passed: Forward, found: dict[int, tuple[_Movement, Compensation]],
    check: Callable[[], None],
) -> Iterator[Compensation]:
    """The same with constants row by row from LipSDP, for layers where that can gain something, one by one."""
    layers = [h for h in found if h > 1]
    near = neighbourhood(problem, net, passed, row_budget(problem)) if layers and len(problem.rows) else None
    if near is None:
        return
    least = min((c.upper for _, c in found.values() if c.upper is not None), default=math.inf)
    hopes = {h: _hope(problem, net, passed, h, near) for h in layers if affordable(near, h)}
    for h in sorted(hopes, key=lambda h: hopes[h]):
        movement, plain = found[h]
        if not hopes[h] < GAIN * least:
            continue
        constants = prove_constants(near, h, check)
        inputs, rows = movement.inputs.copy(), movement.rows.copy()
        for old, new in ((inputs, constants.inputs), (rows, constants.rows)):
            old[near.moving] = np.where(new > 0, np.minimum(old[near.moving], new), old[near.moving])
        one = replace(_of_layer(problem, net, h, passed.inputs[h - 1], _Movement(inputs, rows)),
                      constants=constants.array)
        if one.most > plain.most or (one.upper or math.inf) < (plain.upper or math.inf):
            yield one
            least = min(least, one.upper or math.inf)


def _hope(problem: Problem, net: Network, passed: Forward, h: int, near: Neighbourhood) -> float:
    """About the least bound that LipSDP can give for a layer; infinite if it can give none."""
    A, _ = _augmented(passed.inputs[h - 1], net.biases[h - 1] is not None)
    with np.errstate(all="ignore"):
        try:
            inverse = np.linalg.pinv(A)[:, near.moving]
            inputs, rows = expected(near, h)
            room = 1.0 - float(np.linalg.norm(inverse * inputs, 2)) * float(total_budget(problem))
            size = float(np.linalg.norm(inverse * rows, 2)) * float(total_budget(problem))
        except np.linalg.LinAlgError:
            return math.inf
    return size / room / math.sqrt(problem.layer_scale.squares[h - 1]) if room > 0 else math.inf


def total_budget(problem: Problem) -> Fraction:
    """`r` with `|u|_F ≤ r` for every change of the set, in units of the features' scale; an upper bound."""
    assert problem.radius is not None
    rows = problem.budget.at_once(len(problem.rows), problem.count)
    free = problem.inputs if problem.scale is None else int(np.count_nonzero(problem.scale))
    spread = rows * ROW_NORMS[problem.norm].spread(free)
    return Fraction(problem.radius) * (fp.sqrt_up(Fraction(spread)) if spread > 1 else 1)


@dataclass(frozen=True)
class _Near:
    """Lipschitz constants on the balls the rows can move in; None where none was proved.

    Attributes:
        first: of the inputs of layer 2.
        output: of f, for every row.
    """

    first: Fraction | None
    output: Array | None


def _near(problem: Problem, net: Network, passed: Forward) -> _Near:
    """Where rows stay near the data the network is less steep than the norms of its layers say."""
    t = np.where(np.isin(np.array(problem.kept), np.array(problem.rows)), fp.up(row_budget(problem)), 0.0)
    first, output = None, None
    try:
        if net.depth > 1:
            steep = first_layer_steepness(net, passed, t, problem.scale)
            first = None if steep is None else Fraction(steep)
        found = reach(net, passed, t, problem.scale)
        output = fp.row_norms((found.centre + found.moved) * fp.RAISE)
        dual = output_steepness(net, passed, t, problem.scale)
        output = output if dual is None else np.minimum(output, dual)
    except EnclosureError:  # the balls are too large for bounds that are finite
        pass
    return _Near(first, output)


def row_budget(problem: Problem) -> Fraction:
    """`t` with `|u_i| ≤ t` for every row and change of the set; an upper bound."""
    assert problem.radius is not None
    free = problem.inputs if problem.scale is None else int(np.count_nonzero(problem.scale))
    spread = ROW_NORMS[problem.norm].spread(free)
    return Fraction(problem.radius) * (fp.sqrt_up(Fraction(spread)) if spread > 1 else 1)


def _by_norms(problem: Problem, net: Network, h: int, near: _Near) -> _Movement:
    """By products of the norms of whole layers, and what is known of the first and of the last one."""
    steepest = Fraction(activation(net.activation).slope_bound)
    lipschitz = Fraction(1) if problem.scale is None else Fraction(float(np.max(np.abs(problem.scale))))
    for j in range(1, h):
        if j == 1:
            whole = _norm(_first(problem, net)) * steepest
            lipschitz = whole if near.first is None else min(whole, near.first)
        else:
            lipschitz *= _norm(net.weights[j - 1]) * steepest
    after = _norm(_first(problem, net)) if h == 1 else lipschitz * _norm(net.weights[h - 1])
    moving = np.isin(np.array(problem.kept), np.array(problem.rows))
    steep = np.full(len(moving), fp.up(after))
    if h == net.depth and near.output is not None:
        steep = np.minimum(steep, near.output)
    return _Movement(np.where(moving, fp.up(lipschitz), 0.0), np.where(moving, steep, 0.0))


def _of_layer(problem: Problem, net: Network, h: int, inputs: Balls, movement: _Movement) -> Compensation:
    A, radius = _augmented(inputs, net.biases[h - 1] is not None)
    budget, lipschitz = total_budget(problem), Fraction(float(movement.inputs.max(initial=0.0)))
    # |Ã − A|_F is at most the norm of the rows' radii, and so is its spectral norm (Weyl)
    least = Fraction(enclose_sigma_min(A).lower) - Fraction(float(fp.row_norms(radius[None, :])[0]))
    sigma = least = least / ROOM
    if (movement.inputs < float(lipschitz)).any():  # rows that move less count for less
        uneven = _kappa(A, radius, movement.inputs)
        sigma = sigma if not uneven else max(sigma, lipschitz / uneven / ROOM)
    most = fp.down(max(sigma, Fraction(0)) / lipschitz) if lipschitz else math.inf
    upper = None
    room = 1 - lipschitz * budget / sigma if sigma > 0 else Fraction(0)
    if room > 0:
        kappa = _kappa(A, radius, movement.rows)
        simple = Fraction(float(movement.rows.max())) / least if least > 0 else None
        bounds = [bound for bound in (kappa, simple) if bound is not None]
        scale = fp.sqrt_up(1 / problem.layer_scale.squares[h - 1])
        upper = fp.up(scale * min(bounds) * budget / room * ROOM) if bounds else None
    return Compensation(h, upper, max(fp.down(sigma), 0.0), fp.up(lipschitz), most)


def _augmented(inputs: Balls, biased: bool) -> tuple[Array, Array]:
    """Midpoint and row radii of Ã."""
    A, radius = inputs.mid.hi, inputs.rad
    if inputs.mid.lo is not None:
        radius = radius + fp.row_norms(inputs.mid.lo)
    return (np.concatenate([A, np.ones((len(A), 1))], axis=1) if biased else A), radius * fp.RAISE


def _kappa(A: Array, radius: Array, steep: Array) -> Fraction | None:
    """Upper bound of `‖Ã⁺diag(steep)‖` (M2); None where none was proved."""
    J = Jacobian(Pair(A), radius)
    try:
        X = jacobian_congruence(J, Binary64())
        if isinstance(X, Failure):
            return None
        found = enclose_modulus(J, BlockFactor(steep[:, None, None], np.zeros(len(A))), X, Binary64()).upper
    except EnclosureError:
        return None
    return None if found is None else Fraction(found)


def _first(problem: Problem, net: Network) -> Array | tuple[Array, Array]:
    """`W_1 diag(scale)`: midpoint and radius, or `W_1` itself."""
    W = net.weights[0]
    if problem.scale is None:
        return W
    product = W * problem.scale
    return product, np.abs(product) * (2 * fp.U) + fp.FLOOR


def _norm(W: Array | tuple[Array, Array]) -> Fraction:
    found = enclose_norm2(*W) if isinstance(W, tuple) else enclose_norm2(W)
    return Fraction(found.upper)
