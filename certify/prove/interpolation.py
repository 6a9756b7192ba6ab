"""From an interpolation problem to its bounds, through tiers of rising cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from certify.format.errors import EnclosureError, SpecError
from certify.format.words import Rigour
from certify.network.layers.kernel import Kernel
from certify.problem.bound import Bound, Hypothesis
from certify.problem.limits import Limits, limits_of, named
from certify.problem.problem import Problem
from certify.problem.progress import Progress
from certify.problem.units import WEIGHT_DISTANCE
from certify.prove.costs import DIRECT_FROM, costs, remedy
from certify.prove.meaning import QUANTITIES, require_meaning
from certify.prove.tiers import better, gap
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Binary64, DoubleDouble
from certify.spec.aubin import asked_radii
from certify.spec.convexity import FIRST_ORDER, OUTPUT_CHANGE
from certify.systems.interpolation.congruence import Congruence, Failure
from certify.systems.interpolation.contrasts import contrasted
from certify.systems.interpolation.equal_rows import refuting_pair
from certify.systems.interpolation.linearisation import Linearisation, linearise
from certify.systems.interpolation.nearby import Solution, prove_nearby
from certify.systems.interpolation.words import equal_reason, kink_reason, rank_reason
from certify.theorems.aubin.interpolation import enclose_aubin, with_modulus
from certify.theorems.distance.budget import worst_distance
from certify.theorems.distance.given_change import distance_bound, enclose_distance
from certify.theorems.excess import claims as window_claims
from certify.theorems.modulus.direct import direct_modulus
from certify.theorems.modulus.exact import exact_bound, problem_is_exact, require_exact
from certify.theorems.modulus.kernel import ModulusEnds, enclose_modulus
from certify.theorems.modulus.one_row import enclose_one_row, movable, relaxed, spread
from certify.theorems.modulus.rows import enclose_sample_moduli
from certify.theorems.modulus.set_quantities import (
    ROUNDING,
    budget_bound,
    by_rows,
    change_bound,
    scaled_to_radius,
    theorem_of,
)
from certify.theorems.predictions import labels as label_claims
from certify.theorems.predictions.interpolation import enclose_fit_predictions

if TYPE_CHECKING:
    from certify.theorems.excess.window import WindowExcess

GAP, COARSE_GAP = 1e-6, 1e-2
"""Relative gap of two ends above which the next tier is tried, up to and beyond `FINE_LIMIT` equations."""

FINE_LIMIT = 3000

_TIERS: dict[str, tuple[Arithmetic, Arithmetic, bool, bool]] = {
    "direct": (Binary64(), Binary64(), False, True), "finer direct": (Binary64(), DoubleDouble(), False, True),
    "congruence": (Binary64(), Binary64(), False, False),
    "double-double": (DoubleDouble(), DoubleDouble(), False, False),
    "Jacobian": (DoubleDouble(), DoubleDouble(), True, False),
}
"""Of each tier its arithmetic, that of its passes, whether J is formed, and whether the congruence is left out."""


@dataclass(frozen=True)
class _Reason:
    """Why no exact solution was proved."""

    words: str


class Interpolation:
    """Computes the bounds of one problem, sharing kernel and congruence between quantities.

    Args:
        problem: an interpolation problem.
        progress: told the stage in words and the fraction done.
        limits: memory and time it may use; default those of the problem.
        contrasts: whether the equations are the k − 1 differences of the outputs of every row (M5a, cross-entropy).
    """

    def __init__(self, problem: Problem, progress: Progress, limits: Limits | None = None,
                 contrasts: bool = False) -> None:
        if problem.map != "interpolation":
            raise SpecError(f"solution map '{problem.map}'", "not an interpolation problem", "use certify.bound")
        if problem.arithmetic == "exact":  # its theorem is about the weights in the file
            require_exact(problem)
        self.problem = problem
        self._contrasts = contrasts
        self._limits = limits or limits_of(problem)
        self._progress = self._limits.watched(progress)
        self._tiers: dict[str, Linearisation] = {}
        self._bounds: dict[str, Bound] = {}
        self._pair: tuple[int, int] | None = None
        self._sets: WindowExcess | str | None = None
        self.solution: Solution | str | None = None
        if problem.base == "given" and problem.set != "given":  # one change may leave two equal rows equal
            pair = self._limits.attempt("the search for equal rows", lambda: refuting_pair(problem))
            self._pair = None if isinstance(pair, str) else pair
        elif problem.base == "nearby":
            self.solution = self._nearby()

    def _nearby(self) -> Solution | str:
        """The exact solution nearby, or why there is none."""
        cost = next(cost for cost in costs(self.problem) if cost.name == "solution")

        def prove() -> Solution | _Reason:
            self._progress("an exact solution nearby", 0.0)
            found = prove_nearby(self.problem, self._limits.check)
            return _Reason(found) if isinstance(found, str) else found

        refused = self._limits.refusal(cost)
        if refused:
            return f"{refused}: {remedy(self.problem, 'modulus', self._limits)}"
        solution = self._limits.attempt(named("solution"), prove)
        return solution.words if isinstance(solution, _Reason) else solution

    def bound(self, quantity: str) -> Bound:
        """Two-sided bound on `quantity`, with the theorem's hypotheses and their verified values.

        Tiers that do not fit the limits are passed over; the bound's reason names them and what they would need.

        Raises:
            SpecError: for a quantity that is not built.
        """
        if quantity not in QUANTITIES:
            found = "belongs to the sublevel map" if quantity == "persistence_radius" else "not built"
            raise SpecError(f"quantity '{quantity}' of the interpolation map", found, f"use {', '.join(QUANTITIES)}")
        require_meaning(self.problem, quantity)
        if self._pair is not None and quantity == FIRST_ORDER:
            return self._open(quantity, self._counting(), equal_reason(*self._pair))
        if self._pair is not None and quantity not in label_claims.AT_SIZE:  # there an exact fit may exist all the same
            return self._refuted(quantity, self._pair)
        if isinstance(self.solution, str):
            return self._open(quantity, self._counting(), self.solution)
        if problem_is_exact(self.problem, quantity):
            return self._exact(quantity)
        if quantity == "first_order_distance" and self.problem.set in ("total", "per_sample"):
            return self._of_modulus()
        if quantity == label_claims.QUANTITY:  # P2
            return label_claims.label_bound(self.problem, self.bound("distance"))
        if quantity not in self._bounds:
            of_window = dict.fromkeys(window_claims.QUANTITIES, partial(self._window, quantity))
            own = {"distance": self._distance, "aubin": self._aubin} | of_window
            self._bounds[quantity] = own.get(quantity, partial(self._best, quantity))()
        return self._bounds[quantity]

    def _exact(self, quantity: str) -> Bound:
        """Both ends in rational arithmetic."""
        self._progress("exact rational arithmetic", 0.2)
        found: Bound | str
        try:
            found = self._limits.attempt(named("exact"), lambda: exact_bound(
                self.problem, quantity, self._unit(quantity), self._counting(), self._limits.check))
        except EnclosureError as error:
            found = error.reason
        return self._open(quantity, self._counting(), found) if isinstance(found, str) else found

    def _aubin(self) -> Bound:
        """Q1: κ for the radii that the spec asks for, or the largest found; from below the modulus."""
        modulus = self.bound("modulus")
        cost = next(cost for cost in costs(self.problem) if cost.name == "aubin")
        refused = self._limits.refusal(cost)
        if refused or modulus.upper is None:
            reason = f"{refused}: {remedy(self.problem, 'aubin', self._limits)}" if refused else modulus.reason
            return self._open("aubin", modulus.hypotheses, reason)
        self._progress("explicit radii", 0.3)
        asked = asked_radii(self.problem.spec)
        found = self._limits.attempt(named("aubin"), lambda: enclose_aubin(self.problem, *asked))
        if isinstance(found, str):
            return self._open("aubin", modulus.hypotheses, found)
        return with_modulus(found, modulus)

    def _window(self, quantity: str) -> Bound:
        """S14: how far the sets of the last layer lie apart on the window."""
        cost = next(cost for cost in costs(self.problem) if cost.name == "window")
        refused = self._limits.refusal(cost)
        if refused:
            return self._open(quantity, self._counting(), f"{refused}: {remedy(self.problem, quantity, self._limits)}")
        if self._sets is None:
            self._progress("both solution sets on the window", 0.1)
            self._sets = self._limits.attempt(named("window"), lambda: window_claims.compare_sets(self.problem))
        return window_claims.window_bound(self._sets, quantity, self._unit(quantity), self._counting())

    def _distance(self) -> Bound:
        """F1 and Q7: the distance after the given change, from both sides."""
        cost = next(cost for cost in costs(self.problem) if cost.name == "distance")
        if refused := self._limits.refusal(cost):
            reason = f"{refused}: {remedy(self.problem, 'distance', self._limits)}"
            return self._open("distance", self._counting(), reason)
        if self.problem.set != "given":
            return self._worst_distance()
        self._progress("an exact fit of the moved data", 0.1)
        try:
            ends = self._limits.attempt(named("distance"), lambda: enclose_distance(self.problem, self._limits.check))
        except EnclosureError as error:
            ends = error.reason
        if isinstance(ends, str):
            return self._open("distance", self._counting(), ends)
        return distance_bound(ends, self._unit("distance"), self._counting())

    def _worst_distance(self) -> Bound:
        """Q4 and F1: the largest distance over the budget."""
        self._progress("how far one layer can compensate", 0.1)
        constants = next((cost for cost in costs(self.problem) if cost.name == "constants"), None)
        found: Bound | str
        try:
            found = self._limits.attempt(named("distance"), partial(
                worst_distance, self.problem, self._unit("distance"), self._counting(), self._limits, constants))
        except EnclosureError as error:
            found = error.reason
        return self._open("distance", self._counting(), found) if isinstance(found, str) else found

    def _best(self, quantity: str) -> Bound:
        """The bound as the tiers give it, or why there is none."""
        best, missed = self._climb(quantity)
        if best is None:
            reason = "; ".join(missed) or f"{self.problem.kernel_size} equations are more than any tier for it takes"
            todo = remedy(self.problem, quantity, self._limits)
            return self._open(quantity, self._counting(), ": ".join(filter(None, (reason, todo))))
        if missed and not self._enough(best, quantity):
            return replace(best, reason="; ".join(filter(None, (best.reason, *missed))))
        return best

    def full_rank(self) -> bool:
        """Whether the Jacobian of the equations is proved to have full row rank, by any bound with an upper end."""
        return self.bound("modulus").upper is not None

    def _climb(self, quantity: str) -> tuple[Bound | None, list[str]]:
        """The best bound of the tiers that fit, and what was missed for want of memory or time."""
        best: Bound | None = None
        missed: list[str] = []
        for cost in costs(self.problem):
            if quantity not in cost.quantities or cost.name not in _TIERS:
                continue
            if self._enough(best, quantity):
                break
            refused = self._limits.refusal(cost)
            if refused:
                missed.append(refused)
                continue
            found = self._limits.attempt(named(cost.name), partial(self._attempt, quantity, *_TIERS[cost.name]))
            if isinstance(found, str):
                missed.append(found)
                self._tiers.clear()  # out of memory or time: keep nothing that is not needed any more
                break
            best = better(best, found)
        return best, missed

    def _enough(self, best: Bound | None, quantity: str) -> bool:
        """Whether a finer arithmetic would gain nothing worth its time."""
        if best is None:
            return False
        block = self.problem.outputs - self._contrasts
        loses = by_rows(self.problem, quantity) or relaxed(self.problem, quantity, block)
        if loses and None not in (best.lower, best.upper):
            # the relaxation has a gap of its own, which no arithmetic closes
            found = [lin.congruence for lin in self._tiers.values()]
            return any(isinstance(X, Congruence) and X.error <= ROUNDING for X in found)
        return gap(best) <= (GAP if self.problem.kernel_size <= FINE_LIMIT else COARSE_GAP)

    def _of_modulus(self) -> Bound:
        """The first-order distance under a budget that is a norm: the modulus times the radius."""
        bound = scaled_to_radius(self.bound("modulus"), self.problem)
        return replace(bound, quantity="first_order_distance", unit=self._unit("first_order_distance"))

    def _linearised(self, arithmetic: Arithmetic, form_jacobian: bool, passes: Arithmetic) -> Linearisation:
        key = f"{arithmetic.name} {passes.name}{' Jacobian' if form_jacobian else ''}"
        if key not in self._tiers:
            if self.problem.kernel_size >= DIRECT_FROM:
                self._tiers.clear()  # one large kernel at a time
            solution = self.solution if isinstance(self.solution, Solution) else None
            found = linearise(self.problem, arithmetic, self._progress, form_jacobian, solution, passes)
            reference = self.problem.reference
            self._tiers[key] = contrasted(found, self.problem.outputs, None if reference is None else reference.tau
                                          ) if self._contrasts else found
        return self._tiers[key]

    def _attempt(self, quantity: str, arithmetic: Arithmetic, passes: Arithmetic, form_jacobian: bool,
                 direct: bool) -> Bound:
        """The bound as this tier gives it."""
        try:
            lin = self._linearised(arithmetic, form_jacobian, passes)
            if lin.passed.kinks[0]:
                return self._open(quantity, self._hypotheses(lin, None, False), kink_reason(self.problem, lin))
            self._progress(f"{quantity} ({arithmetic.name})", 0.6)
            if direct:
                return self._direct(lin)
            if isinstance(lin.congruence, Failure):
                reason = rank_reason(self.problem, lin, lin.congruence)
                return self._open(quantity, self._hypotheses(lin, None, False), reason)
            hypotheses = self._hypotheses(lin, lin.congruence.sigma, True)
            if quantity == FIRST_ORDER:
                return enclose_fit_predictions(self.problem, lin, lin.congruence, self.solution, hypotheses)
            reference, X = self.problem.reference, lin.congruence
            own = lin if reference is None else lin.in_function_norm(reference.tau)
            if self.problem.set == "given":
                return change_bound(own, X, self.problem, self._unit(quantity), hypotheses)
            if by_rows(self.problem, quantity):
                return budget_bound(own, X, self.problem, quantity, self._unit(quantity), hypotheses)
            if quantity == "modulus":
                return self._modulus(lin, lin.congruence, hypotheses)
            return self._sample_modulus(own, X, hypotheses)
        except EnclosureError as error:
            return self._open(quantity, (), error.reason)

    def _direct(self, lin: Linearisation) -> Bound:
        assert isinstance(lin.kernel, Kernel)
        ends = self._measured(direct_modulus(lin.kernel, lin.Q, lin.arithmetic))
        reason = "" if ends.upper is not None else "no Cholesky of κ²K − Q went through: K is too ill-conditioned"
        witness = {} if ends.z is None or ends.lower is None else {"z": lin.multipliers(ends.z)}
        hypotheses = self._hypotheses(lin, None, ends.upper is not None)
        return Bound("modulus", "M2", Rigour.PROVED, ends.lower, ends.upper, self._unit("modulus"), hypotheses, witness,
                     reason)

    def _modulus(self, lin: Linearisation, X: Congruence, hypotheses: tuple[Hypothesis, ...]) -> Bound:
        ends = self._measured(enclose_modulus(lin.kernel, lin.Q, X, lin.arithmetic))
        reason = "" if ends.upper is not None else "no Cholesky of κ²K − Q went through: K is too ill-conditioned"
        witness = {} if ends.z is None or ends.lower is None else {"z": lin.multipliers(ends.z)}
        return Bound("modulus", "M2", Rigour.PROVED, ends.lower, ends.upper, self._unit("modulus"), hypotheses, witness,
                     reason)

    def _sample_modulus(self, lin: Linearisation, X: Congruence, hypotheses: tuple[Hypothesis, ...]) -> Bound:
        rows = self.problem.rows
        samples = np.searchsorted(np.array(self.problem.kept), np.array(rows))
        witness = {}
        if self.problem.norm == 2:
            ends = enclose_sample_moduli(X, lin.Q, samples)
        else:
            ends = enclose_one_row(X, lin.sets, samples, movable(self.problem))
            witness = {} if ends.shape is None else {"shape": spread(ends.shape, samples, len(self.problem.kept))}
        lower, upper = tuple(ends.lower.tolist()), tuple(ends.upper.tolist())
        theorem = theorem_of(self.problem, "sample_modulus")
        return Bound("sample_modulus", theorem, Rigour.PROVED, max(lower), max(upper), self._unit("sample_modulus"),
                     hypotheses, witness, "", rows, lower, upper)

    def _measured(self, ends: ModulusEnds) -> ModulusEnds:
        """Ends for the kernel of S2 as ends in the function norm, τ times as large."""
        return ModulusEnds(None if ends.lower is None else self._low(ends.lower),
                           None if ends.upper is None else self._high(ends.upper), ends.z)

    def _low(self, end: float) -> float:
        reference = self.problem.reference
        return end if reference is None else fp.down(Fraction(end) * Fraction(reference.tau))

    def _high(self, end: float) -> float:
        reference = self.problem.reference
        return end if reference is None else fp.up(Fraction(end) * Fraction(reference.tau))

    def _refuted(self, quantity: str, pair: tuple[int, int]) -> Bound:
        i, j = pair
        reason = (f"rows {i} and {j} have equal features, so no solution follows when they move apart: S is not "
                  "Lipschitz-like. Remove one of them, or treat equal rows as one with --merge-duplicates")
        return Bound(quantity, theorem_of(self.problem, quantity), Rigour.PROVED, None, None, self._unit(quantity),
                     self._counting(), {"equal_rows": [i, j]}, reason, refuted=True)

    def _open(self, quantity: str, hypotheses: tuple[Hypothesis, ...], reason: str) -> Bound:
        return Bound(quantity, theorem_of(self.problem, quantity), Rigour.PROVED, None, None, self._unit(quantity),
                     hypotheses, {}, reason)

    def _unit(self, quantity: str) -> str:
        moved = "feature change" if self.problem.parameter == "features" else "target change"
        distance = WEIGHT_DISTANCE[self.problem.weight_norm]
        unit = distance if quantity in ("first_order_distance", "distance") else f"{distance} per unit of {moved}"
        unit = (window_claims.UNITS | {FIRST_ORDER: OUTPUT_CHANGE}).get(quantity, unit)
        merged = self.problem.merge_duplicates and self.problem.groups
        return f"{unit} (equal rows move as one)" if merged else unit

    def _counting(self) -> tuple[Hypothesis, ...]:
        p = self.problem
        equations = p.equations - p.n if self._contrasts else p.equations
        statement = f"there are at least as many free parameters as equations ({p.parameters} and {equations})"
        return (Hypothesis("counting", statement, p.parameters - equations, equations <= p.parameters),)

    def _hypotheses(self, lin: Linearisation, sigma: float | None, full_rank: bool) -> tuple[Hypothesis, ...]:
        p, passed = self.problem, lin.passed
        if passed.margin is None:
            kind = p.network.activation if p.network.depth > 1 else "no activation"
            smooth = Hypothesis("smooth", f"the network is continuously differentiable everywhere ({kind})", None, True)
        else:
            statement = "no pre-activation lies at a kink of the activation: smallest distance from one"
            smooth = Hypothesis("smooth", statement, max(passed.margin, 0.0), passed.kinks[0] == 0)
        proved = full_rank and smooth.holds
        words = "the Jacobian of all outputs has full row rank"
        if p.weight_norm == "relative":
            words = "the Jacobian of all outputs, by relative changes of the layers, has full row rank"
        if sigma is not None:
            words += ": its smallest singular value is at least"
        elif proved:
            words += ", by the upper end"
        rank = Hypothesis("rank", words, sigma if proved else None, proved)
        found = () if not isinstance(self.solution, Solution) else (Hypothesis(
            "solution", "an exact solution was proved; its distance from the weights in the file is at most",
            self.solution.distance, True),)
        return (*self._counting(), *found, smooth, rank)
