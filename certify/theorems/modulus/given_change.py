"""N3: the first-order motion of the weights after one given change of the data, from both sides."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.format.quantities import FIRST_ORDER_DISTANCE
from certify.format.theorems import N3
from certify.format.words import Rigour
from certify.problem.bound import Bound, Hypothesis
from certify.problem.cost import Cost
from certify.problem.perturbations.row_sets import RowSets
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.systems.interpolation.congruence import Congruence, applied
from certify.systems.interpolation.cost import tiers
from certify.systems.interpolation.linearisation import Linearisation
from certify.systems.interpolation.point import InterpolationPoint
from certify.theorems.fits import TieredRule, in_function_norm


@dataclass(frozen=True)
class ChangeEnds:
    """Proved ends of `|G_w⁺G_uu|`."""

    lower: float
    upper: float


def enclose_change(sets: RowSets, u: Array, X: Congruence) -> ChangeEnds:
    """Enclose `|G_w⁺G_uu| = √(sᵀK⁻¹s)`, `s_i = G_iu_i` (N3).

    With `XKXᵀ = I + F'` and `y = Xs`: `sᵀK⁻¹s = yᵀ(I + F')⁻¹y = yᵀy − yᵀF'y + R`, `0 ≤ R ≤ |F'y|²/(1 − ε)`. An error r
    of y moves the root by at most `r/√(1 − ε)`, since `(I + F')⁻¹ ⪯ I/(1 − ε)`.

    Args:
        sets: the rows' matrices `G_i` (their norm does not matter).
        u: `(n, d)` the change.
        X: congruence of the kernel.
    """
    n, k, d = sets.G.shape
    s = fp.require_finite(np.einsum("ikd,id->ik", sets.G, u), "change of the outputs")
    lengths = fp.row_norms(u) * u.any(axis=1)
    loose = (fp.dot_unit(d) * fp.row_norms(sets.G.reshape(n, k * d)) + sets.rad) * lengths * RAISE
    y = fp.require_finite(X.X @ s.ravel(), "change of the outputs")
    r = applied(X.X, np.repeat(loose, k) + fp.dot_unit(n * k) * np.abs(s).ravel())
    w = fp.require_finite(X.F @ y, "change of the outputs")
    size = fp.sqrt_up(fp.inner(y, y))
    w_error = Fraction(fp.dot_unit(n * k)) * Fraction(fp.frobenius(X.F)) * size
    plain = fp.inner(y, y) - fp.inner(y, w)
    first = w_error * size + X.error * size * size
    second = (fp.sqrt_up(fp.inner(w, w)) + w_error + X.error * size) ** 2 / (1 - X.epsilon)
    away = r * fp.sqrt_up(1 / (1 - X.epsilon)) if lengths.any() else Fraction(0)
    lower = max(fp.sqrt_down(max(plain - first, Fraction(0))) - away, Fraction(0))
    return ChangeEnds(fp.down(lower), fp.up(fp.sqrt_up(max(plain + first + second, Fraction(0))) + away))


class GivenChange(TieredRule):
    """N3."""

    theorem = N3

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """The tiers with a congruence."""
        return tiers(problem)

    def first_order_distance(self, at: InterpolationPoint) -> Bound:
        """Both ends, by the first tier whose ends meet."""
        return self.best(at, FIRST_ORDER_DISTANCE.name)

    def enclosed(
        self, at: InterpolationPoint, quantity: str, lin: Linearisation, X: Congruence,
        hypotheses: tuple[Hypothesis, ...],
    ) -> Bound:
        """Both ends, through the congruence."""
        problem, own = at.problem, in_function_norm(at.problem, lin)
        assert problem.change is not None
        u = np.zeros((len(own.sets.G), problem.change.shape[1]))  # reference rows follow, which do not move
        u[:len(problem.kept)] = problem.change[np.array(problem.kept)]
        ends = enclose_change(own.sets, u, X)
        return Bound(quantity, self.theorem.label, Rigour.PROVED, ends.lower, ends.upper, at.unit(quantity), hypotheses)
