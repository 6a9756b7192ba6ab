"""A critical point in the function norm, of which another process proposed X: by passes, H nowhere formed (M5s, W5)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from flint import arb, arb_mat

from certify.check.enclosure.network import forward
from certify.check.kernel import CHANCE
from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import Fixed, enclosed, scale
from certify.check.linalg.inverse import Inverse
from certify.check.linalg.large.products import product
from certify.check.linalg.probes import ROOM, drawn, may_draw, together
from certify.check.probed.asked import Asked
from certify.check.probed.over_ball import hessian_off
from certify.check.probed.products import products
from certify.check.probed.rows import longest
from certify.check.reading.subject import Problem
from certify.check.systems.critical import Stationary

LOOSE, ENOUGH = 9, arb(2) ** -14
"""The share of the largest entry that some vector sees of any direction is `2^−9`; a larger bound is not taken."""


class AskedSeen(Stationary):
    """What the rules look at.

    Args:
        problem: with the function norm, without symmetry fields.
        over: the same point in the Euclidean norm.
    """

    def __init__(self, problem: Problem, over: Asked) -> None:
        super().__init__(problem, over.parameters, over.passed, None, over.width)
        self._over = over

    @cached_property
    def inverse(self) -> Inverse:
        """That of H, which knows no norm."""
        return self._over.inverse

    @cached_property
    def measured(self) -> Inverse:
        """By one pass, where that shows enough; else by the Hessian."""
        found = self._by_pass()
        return super().measured if found is None else found

    def _by_pass(self) -> Inverse | None:
        """An exact `D ≈ FX` with `‖DH − F‖ ≤ θτ`, by `H(Dᵀu) − Fᵀu` of vectors u that are drawn here."""
        said, seen, X, problem = CHANCE.get(), self.seen, self.inverse.X, self._over.problem
        if said is None or seen is None or X is None or self.fields.columns is not None or (
                not seen.F.radius.is_finite() or not may_draw(seen.F.shape[0])):
            return None
        D = seen.near(X, self.width)
        middle, radius = self._over.around
        said.append("DH − F")  # all that it is of is fixed now
        u = drawn(seen.F.shape[0], together(1, LOOSE))
        with self.plain.at_width():
            along, known = arb_mat(D.mid.transpose() * u) * scale(D.bits), arb_mat(seen.F.mid.transpose() * u)
            images = products(problem, self.parameters, self.passed, self.plain.objective, along, False).images
            off = longest(images - known * scale(seen.F.bits)) * scale(ROOM - LOOSE)
            far = hessian_off(problem, middle, forward(problem, middle, problem.points), radius)
            error = ((off + D.reach * far + seen.F.radius) / seen.tau).upper()
        return Inverse(D, error, (2 * error + error**2).upper()) if error < ENOUGH else None

    def rank(self, least: float) -> Truth:
        """It is Euclidean, whatever the norm."""
        return self._over.rank(least)

    def along(self, z: Sequence[arb]) -> tuple[list[list[arb]], arb]:
        """`C_iᵀz` and `|S⁻¹Hz|²`: of a z for which the quotient is largest `S⁻²Hz` is a multiple of `H⁻¹CCᵀz`."""
        forms, near = self.data.row_forms(z), None
        if not self.data.structured and self.inverse.X is not None:
            column = enclosed(arb_mat([[x.mid()] for form in forms for x in form]), 2 * self.width)
            near = product(self.inverse.X, product(self.data.columns, column, 2 * self.width), 2 * self.width)
        return forms, self.energy(z, near)

    def energy(self, z: Sequence[arb], near: Fixed | None = None) -> arb:
        """`|S⁻¹Hz|²`, Hz by one pass; `near` is about a multiple of `S⁻²Hz`."""
        assert self.seen is not None
        column = arb_mat(len(z), 1, list(z))
        found = products(self._over.problem, self.parameters, self.passed, self.plain.objective, column)
        return self.seen.dual_square(enclosed(found.images, self.width), self.width, near)
