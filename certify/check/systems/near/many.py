"""The kernel of many equations, and the factor that is asked before other matrices are factorised."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from flint import arb, arb_mat, ctx

from certify.check.enclosure.network import tangent_kernel
from certify.check.enclosure.norms import layer_squares
from certify.check.kernel import PRECISIONS
from certify.check.linalg.definite import MANY, Definiteness, definiteness

if TYPE_CHECKING:
    from certify.check.linalg.by_factor import ByFactor
    from certify.check.linalg.by_probes import Found
    from certify.check.linalg.large.whole_factor import WholeFactor
    from certify.check.probed.many_equations import ManyEquations


class Many:
    """What an interpolation system, `at`, computes in other ways where it has many equations."""

    summed: ManyEquations | None = None
    proposed: Found | None = None

    def __init__(self, at: Any) -> None:
        self._at = at

    @property
    def kernel(self) -> arb_mat:
        """K, without reference rows and contrasts."""
        at = self._at.point
        forward = replace(at.forward, inputs=tuple(map(leveled, at.forward.inputs)))
        backward = replace(at.backward, adjoints=tuple(map(leveled, at.backward.adjoints)))
        return tangent_kernel(at.problem, forward, backward, layer_squares(at.problem))

    @cached_property
    def whole(self) -> WholeFactor | None:
        """Whether K ≻ 0 in whole numbers: with one output, at the lowest precision."""
        at = self._at
        if at.problem.block > 1 or at.problem.nearby or at.point.precision > PRECISIONS[0] or at.kernel.nrows() < MANY:
            return None
        factorised = import_module("certify.check.linalg.large.whole_factor").factorised
        found: WholeFactor | None = factorised(at.kernel, {place: Q[0][0] for place, Q in at.moved.items()})
        return found

    @property
    def definite(self) -> Definiteness:
        """Whether K ≻ 0."""
        return definiteness(self._at.kernel) if self.whole is None else self.whole.definite

    @property
    def factor(self) -> ByFactor | WholeFactor | None:
        """That in whole numbers; at a solution nearby that which proved `K ≻ 0`."""
        at = self._at
        if not at.problem.nearby or at.definite.R is None:
            return self.whole
        known: ByFactor = import_module("certify.check.linalg.by_factor").ByFactor(
            at.definite.R, at.definite.defect, at.moved, at.point.width)
        return known

    @property
    def known(self) -> bool:
        """Whether the factor is there, or is asked for anyway."""
        return "whole" in vars(self) or self._at.problem.nearby


def leveled(M: arb_mat) -> arb_mat:
    """The same numbers in balls whose middles are multiples of one unit: products of these take half as long.

    To each one is added, and taken away again, that is so large that its last bit is the unit.

    >>> leveled(arb_mat([[1, arb(2) ** -999]])).contains(arb_mat([[1, arb(2) ** -999]]))
    True
    """
    most, (m, n) = max(map(abs, map(float, M.entries())), default=0.0), (M.nrows(), M.ncols())
    if not 0 < most < math.inf:
        return M
    high = arb_mat(m, n, [arb(2) ** (math.frexp(most)[1] + 2)] * (m * n))
    lifted = M + high
    with ctx.workprec(ctx.prec + 4):
        return lifted - high
