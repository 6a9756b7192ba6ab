"""Base `nearby` of the critical map: an exact critical point proved near the centre in the side file (V19)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from flint import arb, arb_mat

from certify.check.enclosure.hessian import SPARE
from certify.check.enclosure.network import Forward, Parameters, forward
from certify.check.enclosure.objective import objective
from certify.check.enclosure.units import gradient, weights_by_units
from certify.check.judgements import HasZero
from certify.check.kernel import CHANCE, WIDTH, NotSmooth
from certify.check.linalg.balls import norm
from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import Fixed, enclosed
from certify.check.linalg.large.products import product
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.systems.critical import Stationary
from certify.check.systems.nearby import PRECISION, STEPS, Centre, spread
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.probed.asked import Told
    from certify.check.reading.arrays import Array

Proved = tuple[Centre, Stationary]
MANY, PRODUCTS, COLUMNS = 2000, 10**9, 10**4
"""Parameters, products of two numbers for what all rows do, and columns of C above which one pass comes first."""

CLOSE = arb(2) ** -68
"""Of a step times `|X|_F`, below which it is not taken: ends are stated with 53 bits."""

ASKED = 10**5
"""Rows times parameters above which another process is asked for X."""

WIDTHS = (WIDTH, PRECISION - 2 * SPARE)
"""Bits in fixed point that are tried in turn."""


def rungs(known: Stationary) -> list[tuple[int, int]]:
    """Bits of the midpoints, which are those of the ball, and in fixed point, from what is known on."""
    return [(PRECISION, width) for width in WIDTHS if width >= known.width]


def large(problem: Problem) -> bool:
    """Whether products of whole matrices take longer than one pass with all that another process proposes."""
    p, moving = problem.parameters, len(problem.moving) * len(problem.features[0])
    return p > MANY or p * p * moving > PRODUCTS or moving > COLUMNS


def finder(
    problem: Problem, claims: Sequence[Claim[object]], leave: Callable[[], None], arrays: Mapping[str, Array],
) -> Callable[..., Proved]:
    """What proves a point: of a large problem probes of one pass first, where they may, and `leave` if they did not."""
    find: Callable[..., Proved] = partial(critical_point, claims=claims)
    if not large(problem):
        return find
    from certify.check.probed.suited import probing
    return probing(problem, claims, find, leave, arrays)


def critical_point(problem: Problem, start: Parameters, claims: Sequence[Claim[object]] = ()) -> Proved:
    """A small ball with a zero of ∇L, near `start`, and what the rules look at over that ball.

    Let `A(w) = H(w) + μT̂T̂ᵀ`, T̂ the fields at the middle w' and μ a number, `F(w) = ∇L(w) + μT̂T̂ᵀ(w − w')`. The
    enclosure of A holds `A(w)` for all w of the ball of radius ρ, so `‖XA(w) − I‖ ≤ ε` there. If `|XF(w')| ≤ (1−ε)ρ`,
    the map `w ↦ w − XF(w)` takes the ball `|w − w'| ≤ |XF(w')|/(1−ε)` into itself and contracts it: `F(w*) = 0` with
    `|w* − w'| ≤ ρ`. Then `∇L(w*) = −T̂a`, `a = μT̂ᵀ(w* − w')`, and the fields T at w* have `Tᵀ∇L(w*) = 0`. `TᵀT̂` is
    nonsingular (that is how the fields are chosen), so `a = 0` and `∇L(w*) = 0`.

    Raises:
        Invalid: nothing was proved.
        NotSmooth: a pre-activation is not proved away from a kink.
    """
    at = _at(problem, start, WIDTH)
    told = _told(problem, start, at, claims)
    if told is not None:
        with suppress(Invalid, NotSmooth):  # where it is no inverse the middle may be anywhere
            return _found(problem, start, at, told)
    for width in WIDTHS:
        try:
            return _found(problem, start, at if width == at.width else _at(problem, start, width))
        except Invalid:
            if width == WIDTHS[-1]:
                raise
    raise AssertionError("the last round returns or raises")


def _told(problem: Problem, start: Parameters, at: Stationary, claims: Sequence[Claim[object]]) -> Told | None:
    """What another process proposes for X, where it may be asked and that takes less time; nothing is believed.

    With it R for the bound of `‖X‖` that the claims ask for.
    """
    if CHANCE.get() is None or len(problem.points) * problem.parameters <= ASKED or problem.graph is not None:
        return None
    if at.fields.columns is not None:
        return None
    from certify.check.probed.answer import asked_inverse
    from certify.check.probed.asked import Told, enough_of, most_of

    most = most_of(problem, claims)
    found = asked_inverse(at.problem, start, at.passed, at.plain.objective, most)
    return found and Told(*found, most, enough_of(claims))


def _found(problem: Problem, start: Parameters, at: Stationary, told: Told | None = None) -> Proved:
    """Chord steps with X, proposed at the start, to a better middle, and the contraction around it.

    Steps end where the next is so small that the ball around it is a point for X and for every end.
    """
    X, width = at.proposal if told is None else told.X, at.width
    if X is None:
        raise Invalid("witness file", "a centre is stated", "H + TTᵀ there is not proved to be nonsingular")
    middle, step = start, _step(arb_mat([at.plain.gradient]).transpose(), X, width)
    for _ in range(STEPS):
        if norm(step.entries()) * (1 + X.size) < CLOSE:
            break
        middle = moved(problem, middle, step)
        step = _step(gradient_at(problem, middle, at.passed), X, width)
    last = norm(step.entries())
    radius = (4 * last).upper()
    around = spread(problem, middle, radius)
    passed = forward(problem, around, problem.points, at.passed)
    over = (_at(problem, around, width, X, passed) if told is None else
            _asked(problem, around, width, told, (middle, radius), passed))
    found = over.inverse
    if found.X is None:
        raise Invalid("witness file", "a centre is stated", "the Newton map near it is not proved to contract")
    if HasZero(last, found.error, radius, "a critical point").judged().truth is not Truth.PROVED:
        raise Invalid("witness file", "a centre is stated", "no critical point is proved near it")
    if problem.lengths.plain:
        return Centre(middle, radius), over
    if problem.lengths.seen and told is not None and "completed" not in over.__dict__:  # by passes, and without fields
        return Centre(middle, radius), import_module("certify.check.probed.norms.function").AskedSeen(problem, over)
    return Centre(middle, radius), Stationary(problem, over.parameters, over.passed, None, width)


def _step(slope: arb_mat, X: Fixed, width: int) -> arb_mat:
    """`X∇L`, a column."""
    return product(X, enclosed(slope, width), width).balls()


def _at(
    problem: Problem, parameters: Parameters, width: int, near: Fixed | None = None, passed: Forward | None = None,
) -> Stationary:
    """What is looked at to prove the point, in Euclidean coordinates whatever the norm of the weights."""
    plain, known = replace(problem, weight_norm="euclidean"), passed or forward(problem, parameters, problem.points)
    return Stationary(plain, parameters, known, None, width, near)


def _asked(
    problem: Problem, parameters: Parameters, width: int, told: Told, around: tuple[Parameters, arb], passed: Forward,
) -> Stationary:
    """The same where X was proposed, over balls around a middle that hold a ball of that radius."""
    from certify.check.probed.asked import Asked

    return Asked(replace(problem, weight_norm="euclidean"), parameters, passed, width, told, around)


def gradient_at(problem: Problem, parameters: Parameters, other: Forward | None = None) -> arb_mat:
    """∇L as a column; `other` is a pass over the same data, with other weights of the free layers."""
    passed = forward(problem, parameters, problem.points, other)
    found = gradient(problem, parameters, passed, objective(problem, passed.outputs, curved=False).plain)
    return arb_mat(len(found), 1, found)


def moved(problem: Problem, at: Parameters, step: arb_mat) -> Parameters:
    """`w − step` on the free layers, as exact numbers: a proposal, nothing is proved here."""
    values = [(w - s).mid() for w, s in zip(weights_by_units(problem, at), step.entries(), strict=True)]
    weights, biases, place = list(at.weights), list(at.biases), 0
    for h in problem.free:
        layer = problem.layers[h - 1]
        width = layer.inputs + (layer.biases is not None)
        rows: list[list[arb]] = [values[place + r * width:place + (r + 1) * width] for r in range(layer.outputs)]
        place += layer.outputs * width
        weights[h - 1] = arb_mat([row[:layer.inputs] for row in rows])
        if layer.biases is not None:
            biases[h - 1] = tuple(row[-1] for row in rows)
    return Parameters(tuple(weights), tuple(biases))
