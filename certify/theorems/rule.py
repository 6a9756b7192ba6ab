"""A theorem as an object: what it needs, and the bounds it proves at a point."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar

from certify.format.theorems import Theorem
from certify.format.words import Rigour
from certify.problem.bound import Bound, Hypothesis
from certify.problem.cost import Cost
from certify.problem.problem import Problem
from certify.systems.point import Point

P = TypeVar("P", bound=Point)


class Rule(ABC, Generic[P]):
    """The prover's side of a row of :mod:`certify.format.theorems`.

    A rule has a method for every quantity that its row bounds, of the quantity's name: from the point to the bound.

    Attributes:
        theorem: the row.
    """

    theorem: ClassVar[Theorem]

    @abstractmethod
    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """What it needs: the ways of computing that it may take, in the order in which they are tried."""

    def require(self, problem: Problem) -> None:
        """Refuse what the numbers of a problem rule out although its words do not.

        Raises:
            SpecError, InputError: with what would work.
        """

    def doubt(self, problem: Problem) -> str:
        """Why nothing will come of it, as far as it is known before computing; empty: nothing is known against it."""
        return ""

    def remark(self, problem: Problem) -> str:
        """What is known of the result before computing; empty: nothing."""
        return ""

    def bound(self, at: P, quantity: str) -> Bound:
        """Two-sided bound on a quantity of the row."""
        self.require(at.problem)
        method: Callable[[P], Bound] = getattr(self, quantity)
        return method(at)

    def open(self, at: P, quantity: str, reason: str, hypotheses: tuple[Hypothesis, ...] = ()) -> Bound:
        """The bound without ends."""
        return Bound(quantity, self.theorem.label, Rigour.PROVED, None, None, at.unit(quantity), hypotheses, {}, reason)

    def refused(self, at: P, cost: Cost) -> str:
        """Why the limits do not allow a way of computing, and what would; empty where they do."""
        refused = at.limits.refusal(cost)
        return refused and f"{refused}: {self.remedy(at)}"

    def remedy(self, at: P) -> str:
        """What would fit into the limits, in words."""
        return at.remedy(self.cost(at.problem))
