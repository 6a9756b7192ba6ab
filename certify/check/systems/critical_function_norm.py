"""The function norm of the critical map: `|SA⁻¹Cu|`, `S² = FᵀF`, `F = [J_ref; τI]` (M5s).

Beside symmetries T the matrix A is the Hessian completed by `S²T`, for which `A⁻¹Cu` is the shortest motion in S.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from flint import arb, arb_mat

from certify.check.enclosure.function_norm import reference
from certify.check.enclosure.network import given
from certify.check.enclosure.units import pulled
from certify.check.linalg.balls import ONE, ZERO, gram
from certify.check.linalg.definite import definiteness
from certify.check.linalg.fixed import Fixed, enclosed, norm_of, product, total
from certify.check.linalg.inverse import Inverse, proposed
from certify.check.reading.subject import Problem

STEPS = 3
"""Corrections of a solution in floats of `S²q = h`."""


@dataclass(frozen=True)
class Seen:
    """F in fixed point, the balls of J_ref, parameters counted unit by unit, and τ."""

    F: Fixed
    J: arb_mat
    tau: arb

    def completing(self, T: arb_mat) -> arb_mat | None:
        """Nearly orthonormal columns that span `S²T`, `S² = J_refᵀJ_ref + τ²I`; None: they are not proved independent.

        They are `S²TRᵀ` with an exact nonsingular R, for every T in the balls that are given.
        """
        rows = ((self.J * T).transpose() * self.J + T.transpose() * self.tau**2)
        found = definiteness(gram(rows))
        return None if found.R is None else (found.R * rows).transpose()

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
        error = ((left.reach + left.radius) / self.tau).upper()
        defect = (2 * error + error**2).upper()
        return Inverse(D, error, defect) if defect < 1 else Inverse()

    def dual_square(self, h: Fixed, width: int) -> arb:
        """`|S⁻¹h|²`: at most `|Fq|² + 2qᵀr + |r|²/τ²`, at least `2qᵀh − |Fq|²`, for any q and `r = h − S²q`."""
        low, high = ZERO, (((h.size + h.radius) / self.tau) ** 2).upper()
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
            own, paired = norm_of(image) + arb(0, image.radius), product(q.turned, h, 4 * width).balls()[0, 0]
            high = high.min((own**2 + 2 * across + ((rest.size + rest.radius) / self.tau) ** 2).upper())
            low = low.max((2 * paired - own**2).lower())
        return low.union(high)


def seen(problem: Problem, width: int) -> Seen:
    """F at the weights in the file; raises `NotSmooth` where a reference row may meet a kink."""
    assert problem.tau is not None
    there = replace(problem, features=problem.reference, kept=tuple(range(len(problem.reference))), moving=())
    J, tau = pulled(there, given(problem), reference(problem).passed), arb(problem.tau)
    p = J.ncols()
    own = [[tau * ONE if r == c else ZERO for c in range(p)] for r in range(p)]
    return Seen(enclosed(arb_mat(J.tolist() + own), width), J, tau)
