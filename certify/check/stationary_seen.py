"""The function norm of the critical map: `|SA⁻¹Cu|`, `S² = J_refᵀJ_ref + τ²I`, by `F = [J_ref; τI]`, `S² = FᵀF` (M5s)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flint import arb, arb_mat

from certify.check.balls import ONE, ZERO
from certify.check.fixed import Fixed, enclosed, norm_of, product, total
from certify.check.hessian import pulled
from certify.check.inverse import Inverse, proposed
from certify.check.network import given
from certify.check.norms import reference
from certify.check.subject import Problem

STEPS = 3
"""Corrections of a solution in floats of `S²q = h`."""


@dataclass(frozen=True)
class Seen:
    """F, parameters counted unit by unit, and τ."""

    F: Fixed
    tau: arb

    def measured(self, A: Fixed, X: Fixed, width: int) -> Inverse:
        """An exact `D ≈ FX` with `‖DA − F‖ ≤ θτ`, θ < 1, in the place of an inverse of A.

        `|Fv| ≥ τ|v|`, so `DA = (I + Δ)F` with `‖Δ‖ ≤ θ`: A is nonsingular, and `|FA⁻¹g|` is as long as `Dg` up to the
        factors `1/(1 ± θ)`.
        """
        found = product(self.F, X, width)
        if not found.radius.is_finite() or not A.radius.is_finite():
            return Inverse()
        D = Fixed(found.mid, found.bits, ZERO)
        left = total([product(D, A, 2 * width), Fixed(-self.F.mid, self.F.bits, self.F.radius)])
        error = ((left.size + left.radius) / self.tau).upper()
        defect = (2 * error + error**2).upper()
        return Inverse(D, error, defect) if defect < 1 else Inverse()

    def dual_square(self, h: Fixed, width: int) -> arb:
        """A ball from 0 to an upper bound of `|S⁻¹h|²`: for any q, with `r = h − S²q`, `|Fq|² + 2qᵀr + |r|²/τ²`."""
        size = h.size + h.radius
        best = (size / self.tau) ** 2
        Y = proposed(product(self.F.turned, self.F, 2 * width), 2 * width)
        q = Fixed(h.mid * 0, 0, ZERO)
        rest = h
        for _ in range(0 if Y is None else STEPS):
            assert Y is not None
            step = product(Y, Fixed(rest.mid, rest.bits, ZERO), 2 * width)
            q = total([q, Fixed(step.mid, step.bits, ZERO)])
            q = Fixed(q.mid, q.bits, ZERO)
            image = product(self.F, q, 4 * width)
            back = product(self.F.turned, image, 4 * width)
            rest = total([h, Fixed(-back.mid, back.bits, back.radius)])
            across = product(q.turned, rest, 4 * width).balls()[0, 0]
            value = (norm_of(image) + image.radius) ** 2 + 2 * across + ((rest.size + rest.radius) / self.tau) ** 2
            if value.upper() < best:
                best = value.upper().max(ZERO)
        return ZERO.union(best.upper())


def seen(problem: Problem, width: int) -> Seen:
    """F at the weights in the file; raises `NotSmooth` where a reference row may meet a kink."""
    assert problem.tau is not None
    there = replace(problem, features=problem.reference, kept=tuple(range(len(problem.reference))), moving=())
    rows, tau = pulled(there, given(problem), reference(problem).passed).tolist(), arb(problem.tau)
    p = len(rows[0])
    rows += [[tau * ONE if r == c else ZERO for c in range(p)] for r in range(p)]
    return Seen(enclosed(arb_mat(rows), width), tau)
