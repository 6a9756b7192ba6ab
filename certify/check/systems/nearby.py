"""Base `nearby`: an exact solution proved near the centre in the side file (Q2, V19).

The centre is only a starting point: a few chord steps at high precision lead to a better one, around which the
solution is enclosed in a far smaller ball; that ball lies within the stated radius of the stated centre.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TypeVar

from flint import arb, arb_mat, ctx

from certify.check.enclosure.network import Backward, Forward, Parameters, backward, forward, tangent_kernel
from certify.check.judgements import HasZero
from certify.check.kernel import NotSmooth
from certify.check.linalg.balls import EXACT, ZERO, norm, root
from certify.check.linalg.definite import MANY, Truth, definiteness
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Base, Number
from certify.check.reading.subject import Problem
from certify.check.systems.equations import System, unmoved
from certify.format.canonical import show
from certify.format.refusal import Invalid

PRECISION = 192
"""Bits in which the solution is enclosed."""

STEPS = 3

T = TypeVar("T")


@dataclass(frozen=True)
class Centre:
    """A ball that holds an exact solution.

    Attributes:
        middle: exact weights and biases.
        radius: exact; every parameter of a free layer lies within it, all together in Euclidean norm.
    """

    middle: Parameters
    radius: arb

    def ball(self, problem: Problem) -> Parameters:
        """Balls around every parameter that hold the solution."""
        return spread(problem, self.middle, self.radius)


def reached(problem: Problem, system: System, arrays: Mapping[str, Array], where: str, stated: Number) -> Centre:
    """A ball with an exact solution of a system, near the centre in the side file.

    Raises:
        Invalid: none could be proved there.
    """
    try:
        return enclosed_system(problem, stated_centre(problem, arrays), system)
    except NotSmooth as kink:
        raise Invalid(where, f"{stated!r} is stated", f"{kink.where} is not proved away from a kink") from None


def layer_gaps(problem: Problem, one: Parameters) -> dict[int, arb]:
    """`|w^(h) − w̄^(h)|²` of every free layer."""
    gaps = {}
    for h in problem.free:
        layer = problem.layers[h - 1]
        own = [arb(v) for v in (*layer.weights, *(layer.biases or ()))]
        entries = [*one.weights[h - 1].entries(), *(one.biases[h - 1] or ())]
        gaps[h] = sum(((u - v) * (u - v) for u, v in zip(entries, own, strict=True)), ZERO)
    return gaps


def solve(
    problem: Problem, base: Base, arrays: Mapping[str, Array],
    enclosed: Callable[[Problem, Parameters], tuple[Centre, T]],
) -> tuple[Centre, T]:
    """Prove that an exact solution lies within `base.radius` of the centre, and the centre near the given weights.

    Args:
        problem: the problem.
        base: distance and radius, both stated.
        arrays: the side file.
        enclosed: finds a small ball with a solution near exact parameters, and what else it learned there; raises
            `Invalid` or `NotSmooth`.

    Raises:
        Invalid: no solution could be proved there.
    """
    assert base.radius is not None and base.distance is not None
    stated = stated_centre(problem, arrays)
    with ctx.workprec(PRECISION):
        try:
            found, learned = enclosed(problem, stated)
        except NotSmooth as kink:
            raise Invalid("base.radius", f"{base.radius!r} is stated",
                          f"{kink.where} is not proved away from a kink") from None
        moved = _distance(problem, stated, found.middle) + found.radius
        if not moved <= base.radius:
            raise Invalid("base.radius", f"{base.radius!r} is stated",
                          f"the solution is proved only within {moved.upper().str(17, radius=False)}")
        far = _distance(problem, stated, None) + base.radius
        if not far <= base.distance:
            raise Invalid("base.distance", f"{base.distance!r} is stated",
                          f"centre and radius give {far.str(17, radius=False)}")
    return found, learned


def stated_centre(problem: Problem, arrays: Mapping[str, Array]) -> Parameters:
    """The centre: `hi + lo`, exactly; in layers that are not free the weights in the model file."""
    weights, biases = [], []
    for h, layer in enumerate(problem.layers, 1):
        W = _sum(arrays, f"weight.{h}", (layer.outputs, layer.inputs))
        b = None if layer.biases is None else _sum(arrays, f"bias.{h}", (layer.outputs,))
        own = [arb(v) for v in (*layer.weights, *(layer.biases or ()))]
        if h not in problem.free and any(u != v for u, v in zip([*W, *(b or [])], own, strict=True)):
            raise Invalid(f"witness file, layer {h}", "its weights are other than those in the model file",
                          "this layer may not move")
        weights.append(arb_mat(layer.outputs, layer.inputs, W))
        biases.append(None if b is None else tuple(b))
    return Parameters(tuple(weights), tuple(biases))


def _sum(arrays: Mapping[str, Array], name: str, shape: tuple[int, ...]) -> list[arb]:
    parts = [arrays[f"{name}.{part}"] for part in ("hi", "lo")]
    for part in parts:
        if part.shape != shape:
            raise Invalid(f"witness file, array {show(name)}", f"its shape is {part.shape}", f"{shape} is needed")
    with ctx.workprec(EXACT):
        return [arb(u) + arb(v) for u, v in zip(parts[0].values, parts[1].values, strict=True)]


def interpolating(problem: Problem, start: Parameters) -> tuple[Centre, None]:
    """A small ball with a solution of `f(x_i, w) = y_i`, near `start`."""
    return enclosed_system(problem, start, unmoved(problem)), None


def enclosed_system(problem: Problem, start: Parameters, system: System) -> Centre:
    """A small ball with a solution of a system, near `start`.

    With `B = RJ(ŵ)` and `θ ≥ ‖RJ(w)J(ŵ)ᵀRᵀ − I‖` for all w within ρ of ŵ, `T(t) = t − RG(ŵ + Bᵀt)` has `‖T'‖ ≤ θ` on
    `|Bᵀt| ≤ ρ`, and `|T(0)| = |RG(ŵ)| ≤ γ`; `‖B‖² ≤ 1 + θ`. If `√(1+θ)·γ ≤ (1−θ)ρ`, T maps the ball `|t| ≤ γ/(1−θ)`
    into itself and contracts it, so G has a zero within ρ of ŵ. The kernel's balls over the box around ŵ contain
    `J(w)J(ŵ)ᵀ`, since both factors of every inner product vary independently, and the defect bounds what is not
    symmetric too: `‖RΔRᵀ‖ ≤ |R|_F²|Δ|_F`.
    """
    if problem.interpolation_rows >= MANY:
        with suppress(NotSmooth):
            soon: Centre | None = import_module("certify.check.systems.near.chords").by_chords(problem, start, system)
            if soon is not None:
                return soon
    passed, adjoint = _passes(problem, start, system)
    found = definiteness(tangent_kernel(problem, passed, adjoint))
    if found.truth is not Truth.PROVED or found.R is None:
        raise Invalid("witness file", "a centre is stated", "the Jacobian there is not proved to have full row rank")
    middle, R = start, found.R
    for _ in range(STEPS):
        t = R * residual(system, passed)
        middle = moved_by(problem, middle, passed, adjoint, (R.transpose() * t).entries())
        passed, adjoint = _passes(problem, middle, system)
    gamma = (R * residual(system, passed)).entries()
    radius = (4 * sum((abs(g).upper() for g in gamma), ZERO)).upper()
    ball = spread(problem, middle, radius)
    passed, adjoint = _passes(problem, ball, system)
    found = definiteness(tangent_kernel(problem, passed, adjoint))
    if found.truth is not Truth.PROVED or found.R is None:
        raise Invalid("witness file", "a centre is stated", "the Newton map near it is not proved to contract")
    gamma = (found.R * residual(system, forward(problem, middle, system.points))).entries()
    size = norm(gamma)
    contracts = HasZero((1 + found.defect).sqrt() * size, found.defect, radius, "a solution")
    if contracts.judged().truth is not Truth.PROVED:
        raise Invalid("witness file", "a centre is stated", "no solution is proved near it")
    return Centre(middle, radius)


def _passes(problem: Problem, parameters: Parameters, system: System) -> tuple[Forward, Backward]:
    passed = forward(problem, parameters, system.points)
    return passed, backward(problem, parameters, passed)


def residual(system: System, passed: Forward) -> arb_mat:
    """`f(x_i, w) − t_i` as a column."""
    return arb_mat([[f - t] for f, t in zip(passed.outputs.entries(), system.targets, strict=True)])


def moved_by(
    problem: Problem, at: Parameters, passed: Forward, adjoint: Backward, v: list[arb],
) -> Parameters:
    """`w − Jᵀv` on the free layers, as exact numbers: a proposal, nothing is proved here."""
    k, weights, biases = problem.outputs, list(at.weights), list(at.biases)
    for h in problem.free:
        B = adjoint.adjoints[h - 1].tolist()
        scaled = [[v[r] * x for x in row] for r, row in enumerate(B)]
        V = arb_mat([[sum(column, ZERO) for column in zip(*scaled[i:i + k], strict=True)]
                     for i in range(0, len(scaled), k)]).transpose()
        weights[h - 1] = (weights[h - 1] - V * passed.inputs[h - 1]).mid()
        b = biases[h - 1]
        if b is not None:
            biases[h - 1] = tuple((u - sum(row, ZERO)).mid() for u, row in zip(b, V.tolist(), strict=True))
    return Parameters(tuple(weights), tuple(biases))


def spread(problem: Problem, middle: Parameters, radius: arb) -> Parameters:
    """Balls of that radius around every parameter of a free layer: they hold the Euclidean ball."""
    error = arb(0, radius)
    weights = [W if h not in problem.free else arb_mat(W.nrows(), W.ncols(), [w + error for w in W.entries()])
               for h, W in enumerate(middle.weights, 1)]
    biases = [b if b is None or h not in problem.free else tuple(v + error for v in b)
              for h, b in enumerate(middle.biases, 1)]
    return Parameters(tuple(weights), tuple(biases))


def _distance(problem: Problem, one: Parameters, other: Parameters | None) -> arb:
    """The distance of two parameters, or (None) of one from the weights in the model file."""
    total = ZERO
    for h, layer in enumerate(problem.layers):
        b, own = one.biases[h] or (), [arb(v) for v in (*layer.weights, *(layer.biases or ()))]
        if other is not None:
            own = [*other.weights[h].entries(), *(other.biases[h] or ())]
        every = zip([*one.weights[h].entries(), *b], own, strict=True)
        total = sum(((u - v) * (u - v) for u, v in every), total)  # a power of a ball around 0 is no number
    return root(total)
