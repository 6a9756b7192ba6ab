"""M5: the modulus of the critical map, at weights where the gradient vanishes; singular Hessians too."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from certify.format.quantities import FIRST_ORDER_DISTANCE, MODULUS
from certify.format.theorems import M5
from certify.format.words import Rigour
from certify.problem.bound import Bound
from certify.problem.cost import Cost
from certify.problem.problem import Problem
from certify.rigor.arithmetic import Binary64
from certify.rigor.fp import Array
from certify.rigor.inverse import Blocks, Inverse, Matrix, ratio_below
from certify.systems.critical.cost import hessian_cost, mixed_cost
from certify.systems.critical.point import CriticalPoint, dual_of
from certify.systems.critical.words import critical_hypotheses
from certify.theorems.critical import CriticalRule, at_exact_fit, settled_at
from certify.theorems.fits import scaled_to_radius
from certify.theorems.modulus.critical_one_row import both_ends
from certify.theorems.modulus.critical_sets import (
    Moves,
    enclose_critical_budgets,
    enclose_critical_change,
    support_below,
)
from certify.theorems.modulus.row_budgets import budget_witness


class Critical(CriticalRule):
    """M5 and its cases, all budgets but those of single rows alone."""

    theorem = M5

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """The base point, and the product with the mixed derivative."""
        return hessian_cost(problem), mixed_cost(problem)

    def modulus(self, at: CriticalPoint) -> Bound:
        """Both ends at ε = 1."""
        return self._of(at, MODULUS.name)

    def first_order_distance(self, at: CriticalPoint) -> Bound:
        """The modulus times the radius, where the budget is a norm; else both ends of its own."""
        quantity = FIRST_ORDER_DISTANCE.name
        if settled_at(at).interpolation is not None or at.problem.change is not None or at.problem.count is not None:
            return self._of(at, quantity)
        return replace(scaled_to_radius(at.bound(MODULUS.name), at.problem), quantity=quantity, unit=at.unit(quantity))

    def _of(self, at: CriticalPoint, quantity: str) -> Bound:
        found = at_exact_fit(self, at, quantity)
        if found is not None:
            return found
        cost = mixed_cost(at.problem)
        return self.within(at, quantity, settled_at(at).theorem, cost, partial(self._ends, at, quantity))

    def _ends(self, at: CriticalPoint, quantity: str) -> Bound:
        """M5b, M5c: both ends by W2; the lower one of `modulus` by its witness (M5d)."""
        inverse, C = at.motion()
        if inverse is None:
            return self._from_below(at, quantity, C)
        at.progress("mixed derivative", 0.4)
        if at.problem.change is not None:
            return self._change(at, quantity, inverse, C)
        if at.problem.row_budgets:
            return self._budgets(at, quantity, inverse, C)
        point, ends = settled_at(at).point, both_ends(at, inverse, C)
        assert point is not None
        z = inverse.X.T @ ends.top
        lower = ratio_below(point.H, C, z, Binary64(), dual_of(point))
        witness = {} if lower is None else {"z": [float(v) for v in z]}
        return replace(proved(at, quantity, lower or 0.0, ends.upper), witness=witness)

    def _budgets(self, at: CriticalPoint, quantity: str, inverse: Inverse, C: Blocks) -> Bound:
        """M5e: budgets of single rows."""
        point, problem = settled_at(at).point, at.problem
        assert point is not None
        ends = enclose_critical_budgets(point.H, inverse, _moves(problem, C), at.limits.check, dual_of(point))
        found = replace(proved(at, quantity, ends.lower, ends.upper),
                        witness=budget_witness(ends, problem.n, problem.rows))
        return found if problem.count is None else scaled_to_radius(found, problem)

    def _change(self, at: CriticalPoint, quantity: str, inverse: Inverse, C: Blocks) -> Bound:
        """M5e: one given change, from both sides."""
        assert at.problem.change is not None
        u = np.ascontiguousarray(at.problem.change[np.array(at.problem.rows)])
        ends = enclose_critical_change(inverse, C, u)
        return proved(at, quantity, ends.lower, ends.upper)

    def _from_below(self, at: CriticalPoint, quantity: str, C: Blocks) -> Bound:
        """M5d: a lower end where the rank is not explained."""
        settled, problem = settled_at(at), at.problem
        point = settled.point
        assert point is not None
        if problem.change is not None:
            return self.stated(at, quantity, settled.theorem, settled.reason)
        best: tuple[float, Array] | None = None
        for z in candidates(point.A):
            value = (support_below(point.H, _moves(problem, C), z, dual_of(point)) if problem.row_budgets
                     else ratio_below(point.H, C, z, Binary64(), dual_of(point)))
            if value is not None and (best is None or value > best[0]):
                best = (value, z)
        witness = {} if best is None else {"z": [float(v) for v in best[1]]}
        found = replace(proved(at, quantity, None if best is None else best[0], None), witness=witness,
                        reason=settled.reason)
        return found if problem.count is None else scaled_to_radius(found, problem)


def proved(at: CriticalPoint, quantity: str, lower: float | None, upper: float | None) -> Bound:
    """A bound at the base point, under the label of its case."""
    settled = settled_at(at)
    return Bound(quantity, settled.theorem, Rigour.PROVED, lower, upper, at.unit(quantity),
                 critical_hypotheses(at.problem, settled))


def candidates(A: Matrix, count: int = 3) -> list[Array]:
    """Vectors z for which `|Hz|` is small; a finder, nothing is proved."""
    try:
        values, vectors = np.linalg.eigh(A.mid.hi)
    except np.linalg.LinAlgError:
        return []
    order = np.argsort(np.abs(values))[:count]
    return [np.ascontiguousarray(vectors[:, i]) for i in order]


def _moves(problem: Problem, C: Blocks) -> Moves:
    return Moves(C, problem.norm, problem.most_rows)
