"""M4: how far each row alone can move an exact fit."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from certify.format.quantities import SAMPLE_MODULUS
from certify.format.theorems import M4
from certify.format.words import Rigour
from certify.problem.bound import Bound, Hypothesis, SideArray
from certify.problem.cost import Cost
from certify.problem.problem import Problem
from certify.systems.interpolation.congruence import Congruence
from certify.systems.interpolation.cost import direct_tiers, tiers
from certify.systems.interpolation.linearisation import Linearisation
from certify.systems.interpolation.point import InterpolationPoint
from certify.systems.interpolation.row_moduli import RowEnds, enclose_sample_moduli
from certify.theorems.fits import TieredRule, in_function_norm


class OfRows(TieredRule):
    """What theorems about the moduli of single rows share."""

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """The tiers with a congruence."""
        return tiers(problem)

    def remedy(self, at: InterpolationPoint) -> str:
        """What would fit into the limits: the modulus alone often does."""
        able, whole = self.cost(at.problem), (*direct_tiers(at.problem), *tiers(at.problem))
        alone = not any(cost.vital for cost in able) and any(cost.memory <= at.limits.memory for cost in whole)
        parts = ["ask for modulus alone with a gate"] if alone and able else []
        return ", or ".join(filter(None, [*parts, at.remedy(able)]))

    def sample_modulus(self, at: InterpolationPoint) -> Bound:
        """Both ends of every row."""
        return self.best(at, SAMPLE_MODULUS.name)

    def enclosed(
        self, at: InterpolationPoint, quantity: str, lin: Linearisation, X: Congruence,
        hypotheses: tuple[Hypothesis, ...],
    ) -> Bound:
        """Both ends of every row, through the congruence."""
        rows, problem = at.problem.rows, at.problem
        samples = np.searchsorted(np.array(problem.kept), np.array(rows))
        ends, witness = self.ends(problem, in_function_norm(problem, lin), X, samples)
        lower, upper = tuple(ends.lower.tolist()), tuple(ends.upper.tolist())
        return Bound(quantity, self.theorem.label, Rigour.PROVED, max(lower), max(upper), at.unit(quantity), hypotheses,
                     witness, "", rows, lower, upper)

    @abstractmethod
    def ends(
        self, problem: Problem, lin: Linearisation, X: Congruence, samples: NDArray[np.intp]
    ) -> tuple[RowEnds, dict[str, SideArray]]:
        """Both ends of the rows, and what proves them."""


class Rows(OfRows):
    """M4."""

    theorem, rational = M4, True

    def ends(
        self, problem: Problem, lin: Linearisation, X: Congruence, samples: NDArray[np.intp]
    ) -> tuple[RowEnds, dict[str, SideArray]]:
        """Both ends of the rows; nothing beside the data is needed."""
        return enclose_sample_moduli(X, lin.Q, samples), {}
