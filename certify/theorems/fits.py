"""What theorems about exact fits share: what bars all of them, and the climb through tiers of rising cost."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import ClassVar, Final

from certify.format.errors import EnclosureError
from certify.format.words import Rigour
from certify.problem.bound import Bound, Hypothesis
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.systems.interpolation.congruence import Congruence, Failure
from certify.systems.interpolation.linearisation import Linearisation
from certify.systems.interpolation.point import TIERS, InterpolationPoint, Tier
from certify.systems.interpolation.words import kink_reason, rank_reason
from certify.theorems.modulus.exact import exact_bound
from certify.theorems.rule import Rule
from certify.theorems.tiers import better, gap

GAP, COARSE_GAP = 1e-6, 1e-2
"""Relative gap of two ends above which the next tier is tried, below `FINE_LIMIT` equations and from there on."""

FINE_LIMIT = 3000

ROUNDING: Final = Fraction(3, 100)
"""Relative error of the congruence above which a finer arithmetic is tried: half of it may be lost in a bound, where
the relaxation itself loses more."""


class FitRule(Rule[InterpolationPoint]):
    """A theorem about exact fits."""

    def bound(self, at: InterpolationPoint, quantity: str) -> Bound:
        """Two-sided bound on a quantity of the row; without ends where no exact fit was proved."""
        self.require(at.problem)
        found = None if at.pair is None else self.at_equal_rows(at, quantity, *at.pair)
        if found is None and isinstance(at.found, str):
            found = self.open(at, quantity, at.found, at.counting())
        return super().bound(at, quantity) if found is None else found

    def doubt(self, problem: Problem) -> str:
        """Equal rows of which one may move."""
        movable = set(problem.rows)
        touched = [group for group in problem.groups or () if movable & set(group)]
        if not touched or problem.merge_duplicates or problem.change is not None:
            return ""
        rows = " and ".join(map(str, touched[0][:2]))
        if problem.nearby:
            return (f"rows {rows} have equal features, so the equations are not independent; --merge-duplicates treats "
                    "equal rows as one")
        return (f"rows {rows} have equal features, so it is infinite unless the output does not depend on them; "
                "--merge-duplicates treats equal rows as one")

    def at_equal_rows(self, at: InterpolationPoint, quantity: str, i: int, j: int) -> Bound | None:
        """What follows where two equal rows cannot move apart; None: nothing does. Here: a refutation."""
        reason = (f"rows {i} and {j} have equal features, so no solution follows when they move apart: S is not "
                  "Lipschitz-like. Remove one of them, or treat equal rows as one with --merge-duplicates")
        return Bound(quantity, self.theorem.label, Rigour.PROVED, None, None, at.unit(quantity), at.counting(),
                     {"equal_rows": [i, j]}, reason, refuted=True)


class TieredRule(FitRule):
    """A theorem about the linearised equations, which tiers of rising cost enclose.

    Attributes:
        rational: whether it is built in rational arithmetic too.
    """

    rational: ClassVar[bool] = False

    @abstractmethod
    def enclosed(
        self, at: InterpolationPoint, quantity: str, lin: Linearisation, X: Congruence,
        hypotheses: tuple[Hypothesis, ...],
    ) -> Bound:
        """The bound in one arithmetic.

        Args:
            at: the point.
            quantity: what is asked for.
            lin: the linearised problem.
            X: its congruence.
            hypotheses: of M1, verified.
        """

    def direct(self, at: InterpolationPoint, lin: Linearisation) -> Bound:
        """The bound without a congruence, where such a tier is among the costs."""
        raise NotImplementedError

    def streamed(self, at: InterpolationPoint, fine: bool, keep: Callable[[Bound], None]) -> Bound:
        """The bound without a whole kernel, where such a tier is among the costs; `keep` takes it as it improves."""
        raise NotImplementedError

    def relaxes(self, problem: Problem, block: int) -> bool:
        """Whether the ends differ by what a relaxation loses, which no arithmetic closes.

        Args:
            problem: the problem.
            block: equations of one row.
        """
        return False

    def best(self, at: InterpolationPoint, quantity: str) -> Bound:
        """The bound as the tiers give it, or why there is none."""
        if self.rational and at.problem.rational:
            return self._exact(at, quantity)
        best, missed = self._climb(at, quantity)
        if best is None:
            equations = f"{at.problem.kernel_size} equations are more than any way of computing it takes"
            reason = "; ".join(missed) or equations
            return self.open(at, quantity, ": ".join(filter(None, (reason, self.remedy(at)))), at.counting())
        if missed and not self._enough(at, best):
            return replace(best, reason="; ".join(filter(None, (best.reason, *missed))))
        return best

    def _exact(self, at: InterpolationPoint, quantity: str) -> Bound:
        """Both ends in rational arithmetic."""
        at.progress("exact rational arithmetic", 0.2)
        found = at.attempt("exact", lambda: exact_bound(
            at.problem, quantity, self.theorem.label, at.unit(quantity), at.counting(), at.limits.check))
        return self.open(at, quantity, found, at.counting()) if isinstance(found, str) else found

    def _climb(self, at: InterpolationPoint, quantity: str) -> tuple[Bound | None, list[str]]:
        """The best bound of the tiers that fit, and what was missed for want of memory or time."""
        best: Bound | None = None
        missed: list[str] = []
        for cost in self.cost(at.problem):
            if cost.name not in TIERS:
                continue
            if self._enough(at, best):
                break
            refused = at.limits.refusal(cost)
            if refused:
                missed.append(refused)
                continue
            kept: list[Bound] = []
            found = at.attempt(cost.name, partial(self._attempt, at, quantity, TIERS[cost.name], kept.append))
            for bound in kept[-1:]:  # proved, whatever ended the tier
                best = better(best, bound)
            if isinstance(found, str):
                missed.append(found)
                at.forget()  # out of memory or time: keep nothing that is not needed any more
                break
            best = better(best, found)
        return best, missed

    def _enough(self, at: InterpolationPoint, best: Bound | None) -> bool:
        """Whether a finer arithmetic would gain nothing worth its time."""
        if best is None:
            return False
        loses = self.relaxes(at.problem, at.problem.outputs - at.contrasts)
        if loses and None not in (best.lower, best.upper):
            # the relaxation has a gap of its own, which no arithmetic closes
            found = [lin.congruence for lin in at.kept()]
            return any(isinstance(X, Congruence) and X.error <= ROUNDING for X in found)
        return gap(best) <= (GAP if at.problem.kernel_size < FINE_LIMIT else COARSE_GAP)

    def _attempt(
        self, at: InterpolationPoint, quantity: str, tier: Tier, keep: Callable[[Bound], None]
    ) -> Bound:
        """The bound as this tier gives it."""
        try:
            if tier.streamed:
                return self.streamed(at, tier.passes.extended, keep)
            lin = at.linearised(tier)
            if lin.passed.kinks[0]:
                return self.open(at, quantity, kink_reason(at.problem, lin), at.hypotheses(lin, None, False))
            at.progress(f"{quantity} ({tier.arithmetic.name})", 0.6)
            if tier.direct:
                return self.direct(at, lin)
            if isinstance(lin.congruence, Failure):
                reason = rank_reason(at.problem, lin, lin.congruence)
                return self.open(at, quantity, reason, at.hypotheses(lin, None, False))
            hypotheses = at.hypotheses(lin, lin.congruence.sigma, True)
            return self.enclosed(at, quantity, lin, lin.congruence, hypotheses)
        except EnclosureError as error:
            return self.open(at, quantity, error.reason)


def in_function_norm(problem: Problem, lin: Linearisation) -> Linearisation:
    """The same where the kernel of S2 stands for the function norm; else as it is."""
    return problem.measure.counted(lin)


def of_modulus(at: InterpolationPoint, quantity: str) -> Bound:
    """The first-order distance under a budget that is a norm: the modulus times the radius."""
    bound = scaled_to_radius(at.bound("modulus"), at.problem)
    return replace(bound, quantity=quantity, unit=at.unit(quantity))


def scaled_to_radius(bound: Bound, problem: Problem) -> Bound:
    """The bound at ε = radius of one at ε = 1, rounded outward: motions of first order are proportional to ε."""
    assert problem.radius is not None
    radius = fp.exact(problem.radius)
    lower = None if bound.lower is None else fp.down(radius * fp.exact(bound.lower))
    upper = None if bound.upper is None else fp.up(radius * fp.exact(bound.upper))
    witness = bound.witness if lower else {name: bound.witness[name] for name in bound.witness if name != "z"}
    return replace(bound, lower=lower, upper=upper, witness=witness)
