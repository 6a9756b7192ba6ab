"""What theorems about critical points share: no base point, exact fits, and the limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from certify.format.quantities import MODULUS, QUANTITIES
from certify.problem.bound import Bound
from certify.problem.cost import Cost
from certify.systems.critical.point import CriticalPoint
from certify.systems.critical.settled import Settled, Unsettled
from certify.theorems.rule import Rule


class CriticalRule(Rule[CriticalPoint]):
    """A theorem about critical points.

    Attributes:
        unsettled: the label that is stated where no base point was proved; empty: that of the theorem.
    """

    unsettled: ClassVar[str] = ""

    def bound(self, at: CriticalPoint, quantity: str) -> Bound:
        """Two-sided bound on a quantity of the row; without ends where no base point was proved."""
        self.require(at.problem)
        if isinstance(at.settled, Unsettled):
            return self.stated(at, quantity, self.unsettled or self.theorem.label, at.settled.reason)
        return super().bound(at, quantity)

    def stated(self, at: CriticalPoint, quantity: str, label: str, reason: str) -> Bound:
        """The bound without ends, under the label of a case."""
        return replace(self.open(at, quantity, reason), theorem=label)

    def within(
        self, at: CriticalPoint, quantity: str, label: str, cost: Cost, work: Callable[[], Bound]
    ) -> Bound:
        """The bound; without ends, and with why in words, where it is blocked or the limits do not allow it."""
        if refused := self.refused(at, cost):
            return self.stated(at, quantity, label, refused)
        found = at.attempt(cost.name, work)
        return self.stated(at, quantity, label, found) if isinstance(found, str) else found


def settled_at(at: CriticalPoint) -> Settled:
    """The base point, which was proved."""
    assert isinstance(at.settled, Settled)
    return at.settled


def at_exact_fit(rule: CriticalRule, at: CriticalPoint, quantity: str) -> Bound | None:
    """M5a: the bound on exact fits under its own name; None: the point is no exact fit."""
    settled = settled_at(at)
    fit = settled.interpolation
    if fit is None:
        return None
    if at.problem.reweighted:  # every residual is 0, whatever its weight
        found = _nothing_moves(at, fit.bound(MODULUS.name), quantity)
    else:
        found = fit.bound(quantity)
    if found.refuted:  # no statement about critical points
        return rule.stated(at, quantity, settled.theorem, found.reason)
    return replace(found, quantity=quantity, theorem=settled.theorem, unit=at.unit(quantity),
                   hypotheses=(*found.hypotheses, *settled.hypotheses))


def _nothing_moves(at: CriticalPoint, found: Bound, quantity: str) -> Bound:
    """The bound that is 0 on both sides."""
    per_row = QUANTITIES[quantity].per_row
    rows = at.problem.rows if per_row else ()
    zeros = (0.0,) * len(rows)
    budgets = at.problem.row_budgets and not per_row
    witness = {"member": "weights", "dual": [0.0] * at.problem.n} if budgets else {}
    return replace(found, lower=0.0, upper=0.0, rows=rows, row_lower=zeros, row_upper=zeros, witness=witness)
