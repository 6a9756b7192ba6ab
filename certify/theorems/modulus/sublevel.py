"""M6: the modulus of the sublevel map `S(u) = {w : L(u, w) ≤ ℓ}`: on its boundary, and 0 inside."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from certify.format.errors import EnclosureError
from certify.format.quantities import MODULUS, QUANTITIES, SAMPLE_MODULUS
from certify.format.theorems import M6
from certify.format.words import Rigour
from certify.network.layers.gradients import Norm
from certify.problem.bound import Bound, Hypothesis
from certify.problem.cost import Cost
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.systems.sublevel.cost import finer_passes, passes
from certify.systems.sublevel.descent import GAP, Descent
from certify.systems.sublevel.point import SublevelPoint
from certify.systems.sublevel.words import kink_words
from certify.theorems.rule import Rule
from certify.theorems.tiers import better


class Sublevel(Rule[SublevelPoint]):
    """M6."""

    theorem = M6

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """Passes in rising arithmetic."""
        return passes(problem), *finer_passes(problem)

    def remark(self, problem: Problem) -> str:
        """Inside it is 0."""
        return "" if problem.level is None else "it is 0 if the level is above the loss"

    def modulus(self, at: SublevelPoint) -> Bound:
        """Both ends of the whole."""
        return self._best(at, MODULUS.name)

    def sample_modulus(self, at: SublevelPoint) -> Bound:
        """Both ends of every row."""
        return self._best(at, SAMPLE_MODULUS.name)

    def _best(self, at: SublevelPoint, quantity: str) -> Bound:
        """The bound of the first tier whose ends meet; what did not fit the limits is named in its reason."""
        first, *finer = self.cost(at.problem)
        best = self._within(at, quantity, first)
        if isinstance(best, str):
            return self.open(at, quantity, best)
        if best.upper is None and best.hypotheses and any(
                kink.twins for kink in at.descent(first.name).passed.kinks[1]):
            return best  # a tie that no finer arithmetic decides
        for cost in finer:
            if best.upper is not None and best.lower is not None and best.upper - best.lower <= GAP * best.upper:
                break
            found = self._within(at, quantity, cost)
            if isinstance(found, str):
                return replace(best, reason="; ".join(filter(None, (best.reason, found))))
            best = better(best, found)
        return best

    def _within(self, at: SublevelPoint, quantity: str, cost: Cost) -> Bound | str:
        """The bound of one tier, or in words why the limits do not allow it."""
        return self.refused(at, cost) or at.attempt(cost.name, lambda: self._attempt(at, quantity, cost.name))

    def _attempt(self, at: SublevelPoint, quantity: str, tier: str) -> Bound:
        try:
            d = at.descent(tier)
            return self._enclosed(at, quantity, d, at.inside(d))
        except EnclosureError as error:
            return self.open(at, quantity, error.reason)

    def _enclosed(self, at: SublevelPoint, quantity: str, d: Descent, inside: bool) -> Bound:
        problem, hypotheses, per_row = at.problem, at.hypotheses(d, inside), QUANTITIES[quantity].per_row
        rows = problem.rows
        if inside:
            return self._proved(at, quantity, [(0.0, 0.0)] * len(rows) if per_row else [(0.0, 0.0)], hypotheses)
        if d.passed.kinks[0]:
            return self.open(at, quantity, kink_words(d.passed.kinks, problem.n), hypotheses)
        if d.weight_norm.lower <= 0:
            return self.open(
                at, quantity, "the loss gradient with respect to the weights could not be proved different from 0 (at "
                f"most {fp.shown(d.weight_norm.upper)}): the weights are close to a stationary point; set a level "
                "above the loss, or train less far", hypotheses)
        low, high = d.row_lower[list(rows)], d.row_upper[list(rows)]
        if per_row:
            parts = [Norm(Fraction(a), Fraction(b)) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
        else:
            parts = [problem.budget.support(low, high, problem.most_rows)]
        return self._proved(at, quantity, [
            (_ratio(problem, part.lower, d.weight_norm.upper, down=True), _ratio(problem, part.upper,
                                                                                 d.weight_norm.lower))
            for part in parts], hypotheses)

    def _proved(
        self, at: SublevelPoint, quantity: str, ends: list[tuple[float, float]], hypotheses: tuple[Hypothesis, ...]
    ) -> Bound:
        """The largest of the ends, which are those of the rows where the quantity has them."""
        low, high = (tuple(column) for column in zip(*ends, strict=True))
        found = Bound(quantity, self.theorem.label, Rigour.PROVED, max(low), max(high), at.unit(quantity), hypotheses)
        return replace(found, rows=at.problem.rows, row_lower=low, row_upper=high) if QUANTITIES[
            quantity].per_row else found


def _ratio(problem: Problem, data: Fraction, weights: Fraction, down: bool = False) -> float:
    value = data / problem.n / weights
    return fp.down(value) if down else fp.up(value)
