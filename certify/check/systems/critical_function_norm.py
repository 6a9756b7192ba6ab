"""The function norm of the critical map: `|SA⁻¹Cu|`, `S² = FᵀF`, `F = [J_ref; τI]` (M5s).

Beside symmetries T the matrix A is the Hessian completed by `S²T`, for which `A⁻¹Cu` is the shortest motion in S.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from flint import arb, arb_mat, fmpz, fmpz_mat

from certify.check.enclosure.function_norm import reference
from certify.check.enclosure.network import given
from certify.check.enclosure.units import pulled
from certify.check.linalg.balls import ONE, ZERO, gram
from certify.check.linalg.definite import definiteness
from certify.check.linalg.fixed import Fixed, cut, enclosed, norm_of
from certify.check.linalg.inverse import Inverse, proposed
from certify.check.linalg.large.products import product, total
from certify.check.reading.subject import Problem

STEPS, SHARP = 3, arb(2) ** -40
"""Corrections of a solution in floats of `S²q = h`, and the share of a square in which none is asked for."""


@dataclass(frozen=True)
class Seen:
    """F in fixed point, the balls of J_ref, parameters counted unit by unit, and τ."""

    F: Fixed
    J: arb_mat
    tau: arb

    @cached_property
    def outputs(self) -> Fixed:
        """The middle of J_ref."""
        return Fixed(fmpz_mat(self.F.mid.tolist()[:self.J.nrows()]), self.F.bits, ZERO)

    def near(self, X: Fixed, width: int) -> Fixed:
        """An exact matrix near `FX = [J_refX; τX]`, of which nothing is proved."""
        top = product(self.outputs, X, width)
        mantissa, exponent = self.tau.man_exp()
        drop = X.bits - int(exponent) - top.bits
        own = X.mid * (mantissa if drop >= 0 else mantissa << -drop)
        below = [[x >> drop for x in row] for row in own.tolist()] if drop > 0 else own.tolist()
        return Fixed(fmpz_mat(top.mid.tolist() + below), top.bits, ZERO)

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
        if not self.F.radius.is_finite() or not A.radius.is_finite():
            return Inverse()
        D = self.near(X, width)
        left = total([product(D, A, 2 * width), Fixed(-self.F.mid, self.F.bits, self.F.radius)])
        error = ((left.reach + left.radius) / self.tau).upper()
        defect = (2 * error + error**2).upper()
        return Inverse(D, error, defect) if defect < 1 else Inverse()

    def dual_square(self, h: Fixed, width: int, near: Fixed | None = None) -> arb:
        """`|S⁻¹h|²`: at most `|Fq|² + 2qᵀr + |r|²/τ²`, at least `2qᵀh − |Fq|²`, for any q and `r = h − S²q`.

        A multiple of `near` is tried first, and where that is enough no other q is looked for.
        """
        low, high = ZERO, (((h.size + h.radius) / self.tau) ** 2).upper()
        q, rest = Fixed(h.mid * 0, 0, ZERO), h
        if near is not None:
            q = self._multiple(h, near, width)
            below, above, rest = self._around(h, q, width)
            low, high = low.max(below), high.min(above)
            if high - low <= low * SHARP:
                return low.union(high)
        solve = self._solver(width)
        for _ in range(0 if solve is None else STEPS):
            assert solve is not None
            step = solve(Fixed(rest.mid, rest.bits, ZERO))
            q = total([q, Fixed(step.mid, step.bits, ZERO)])
            q = Fixed(q.mid, q.bits, ZERO)
            below, above, rest = self._around(h, q, width)
            low, high = low.max(below), high.min(above)
        return low.union(high)

    def _multiple(self, h: Fixed, near: Fixed, width: int) -> Fixed:
        """That of `near` which is as long in S as h asks for; a proposal."""
        long = norm_of(product(self.F, near, 4 * width)) ** 2
        factor = product(h.turned, near, 4 * width).balls()[0, 0] / long if long > 0 else ONE
        found = enclosed(near.balls().mid() * factor.mid(), 2 * width)
        return Fixed(found.mid, found.bits, ZERO)

    def _around(self, h: Fixed, q: Fixed, width: int) -> tuple[arb, arb, Fixed]:
        """`|S⁻¹h|²` from below and from above, by an exact q, and `h − S²q`."""
        image = product(self.F, q, 4 * width)
        back = product(self.F.turned, image, 4 * width)
        rest = total([h, Fixed(-back.mid, back.bits, back.radius)])
        across = product(q.turned, rest, 4 * width).balls()[0, 0]
        own, paired = norm_of(image) + arb(0, image.radius), product(q.turned, h, 4 * width).balls()[0, 0]
        high = (own**2 + 2 * across + ((rest.size + rest.radius) / self.tau) ** 2).upper()
        return (2 * paired - own**2).lower(), high, rest

    def _solver(self, width: int) -> Callable[[Fixed], Fixed] | None:
        """About `S⁻²r`, of which nothing is proved: with fewer outputs than weights by `τ⁻²(r − Jᵀ(JJᵀ + τ²I)⁻¹Jr)`."""
        J, bits = self.outputs, 2 * width
        if J.shape[0] >= J.shape[1]:
            whole = proposed(product(self.F.turned, self.F, bits), bits)
            return None if whole is None else lambda r: product(whole, r, bits)
        square = product(J, J.turned, bits)
        mantissa, exponent = self.tau.man_exp()
        up = 2 * int(exponent) + square.bits
        least = mantissa**2 << up if up >= 0 else mantissa**2 >> -up
        for j in range(J.shape[0]):
            square.mid[j, j] += least
        inner, turned, unit = proposed(square, bits), J.turned, enclosed(arb_mat([[1 / self.tau**2]]), bits)
        if inner is None:
            return None

        def solve(r: Fixed) -> Fixed:
            back = product(turned, product(inner, product(J, r, 2 * bits), 2 * bits), 2 * bits)
            return product(total([r.at(back.bits), Fixed(-back.mid, back.bits, ZERO)]), unit, 2 * bits)

        return solve


def seen(problem: Problem, width: int) -> Seen:
    """F at the weights in the file; raises `NotSmooth` where a reference row may meet a kink."""
    assert problem.tau is not None
    there = replace(problem, features=problem.reference, kept=tuple(range(len(problem.reference))), moving=())
    J, tau = pulled(there, given(problem), reference(problem).passed), arb(problem.tau)
    return Seen(stacked(J, tau, width), J, tau)


def stacked(J: arb_mat, tau: arb, width: int) -> Fixed:
    """`[J; τI]`, τ exact: the larger of both has about so many bits."""
    top, p, (mantissa, exponent) = enclosed(J, width), J.ncols(), tau.man_exp()
    bits = width - mantissa.bit_length() - int(exponent)
    top = top.at(bits if top.mid.is_zero() else min(bits, top.bits))
    up = top.bits + int(exponent)
    own = mantissa << up if up >= 0 else mantissa >> -up
    flat: list[int | fmpz] = [*top.mid.entries(), *([0] * (p * p))]
    flat[J.nrows() * p::p + 1] = [own] * p
    mid = fmpz_mat(J.nrows() + p, p, flat)
    return Fixed(mid, top.bits, (top.radius + cut((p, 1), top.bits)).upper())
