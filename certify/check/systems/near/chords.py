"""A solution near a centre of a system of many equations (Q2, V19): what is only proposed takes few bits."""

from __future__ import annotations

from flint import arb, arb_mat, ctx

from certify.check.enclosure.network import Backward, Forward, Parameters, backward, forward, tangent_kernel
from certify.check.judgements import HasZero
from certify.check.kernel import PRECISIONS
from certify.check.linalg.balls import ZERO, norm
from certify.check.linalg.definite import Truth, defect_of, inverse_factor
from certify.check.reading.subject import Problem
from certify.check.systems.equations import System
from certify.check.systems.nearby import STEPS, Centre, moved_by, residual, spread

PROPOSED = 64
"""Bits of the Jacobian of the chords, and of R."""

CLOSE = arb(2) ** -16
"""Where θ is no smaller the ball may be wide: three steps leave some θ³ of the way, below this 2^-48."""


def by_chords(problem: Problem, start: Parameters, system: System) -> Centre | None:
    """A small ball with a solution, as `enclosed_system` finds one; None where these bits prove none.

    R and the Jacobian of the chords are those at `start`. Nothing is proved of either: the theorem holds for every R
    with `‖RJ(w)J(ŵ)ᵀRᵀ − I‖ ≤ θ < 1` on the ball, which is judged there, and the residual is that of all bits. Where θ
    is not small an honest solution would be enclosed too widely for the radius that is stated: more bits are for those.

    Raises:
        NotSmooth: a pre-activation is not proved away from a kink with these bits.
    """
    with ctx.workprec(PROPOSED):
        passed, adjoint, kernel = _passes(problem, start, system)
        R = inverse_factor(kernel)
    if R is None:
        return None
    middle, left = start, residual(system, forward(problem, start, system.points))
    for _ in range(STEPS):
        middle = moved_by(problem, middle, passed, adjoint, (R.transpose() * (R * left)).entries())
        left = residual(system, forward(problem, middle, system.points))
    gamma = (R * left).entries()
    radius = (4 * sum((abs(g).upper() for g in gamma), ZERO)).upper()
    with ctx.workprec(PRECISIONS[0]):
        theta = defect_of(_passes(problem, spread(problem, middle, radius), system)[2], R, PRECISIONS[0])
    if not theta < CLOSE:
        return None
    contracts = HasZero((1 + theta).sqrt() * norm(gamma), theta, radius, "a solution")
    return Centre(middle, radius) if contracts.judged().truth is Truth.PROVED else None


def _passes(problem: Problem, parameters: Parameters, system: System) -> tuple[Forward, Backward, arb_mat]:
    """Both, and the kernel."""
    passed = forward(problem, parameters, system.points)
    adjoint = backward(problem, parameters, passed)
    return passed, adjoint, tangent_kernel(problem, passed, adjoint)
