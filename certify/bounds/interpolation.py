"""From an interpolation problem to its `modulus` and `sample_modulus`, through tiers of rising cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from certify.bounds.congruence import Congruence, Failure
from certify.bounds.contrasts import contrasted
from certify.bounds.costs import DIRECT_FROM, costs, remedy
from certify.bounds.direct import direct_modulus
from certify.bounds.equal_rows import refuting_pair
from certify.bounds.linearisation import Linearisation, linearise
from certify.bounds.modulus import enclose_modulus
from certify.bounds.nearby import Solution, prove_nearby
from certify.bounds.sample_modulus import enclose_sample_moduli
from certify.bounds.tiers import better, gap
from certify.errors import EnclosureError, SpecError
from certify.limits import Limits, limits_of, named
from certify.network.kernel import Kernel
from certify.problem import Problem
from certify.progress import Progress
from certify.rigor.arithmetic import Arithmetic, Binary64, DoubleDouble
from certify.verdict import Bound, Hypothesis, Rigour

GAP, COARSE_GAP = 1e-6, 1e-2
"""Relative gap of two ends above which the next tier is tried, up to and beyond `FINE_LIMIT` equations."""

FINE_LIMIT = 3000

QUANTITIES = {"modulus": "M2", "sample_modulus": "M4"}

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

    def __init__(
        self, problem: Problem, progress: Progress, limits: Limits | None = None, contrasts: bool = False
    ) -> None:
        if problem.map != "interpolation":
            raise SpecError(f"solution map '{problem.map}'", "not an interpolation problem", "use certify.bound")
        if problem.set != "total":
            raise SpecError(f"perturbation.set = '{problem.set}'", "not built yet for interpolation", "use 'total'")
        self.problem = problem
        self._contrasts = contrasts
        self._limits = limits or limits_of(problem)
        self._progress = self._limits.watched(progress)
        self._tiers: dict[str, Linearisation] = {}
        self._pair: tuple[int, int] | None = None
        self.solution: Solution | str | None = None
        if problem.base == "given":
            pair = self._limits.attempt("the search for equal rows", lambda: refuting_pair(problem))
            self._pair = None if isinstance(pair, str) else pair
        else:
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
        if self._pair is not None:
            return self._refuted(quantity, self._pair)
        if isinstance(self.solution, str):
            return self._open(quantity, self._counting(), self.solution)
        best, missed = self._climb(quantity)
        if best is None:
            reason = "; ".join(missed) or f"{self.problem.equations} equations are more than any tier for it takes"
            todo = remedy(self.problem, quantity, self._limits)
            return self._open(quantity, self._counting(), ": ".join(filter(None, (reason, todo))))
        if missed and not self._enough(best):
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
            if self._enough(best):
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

    def _enough(self, best: Bound | None) -> bool:
        return best is not None and gap(best) <= (GAP if self.problem.equations <= FINE_LIMIT else COARSE_GAP)

    def _linearised(self, arithmetic: Arithmetic, form_jacobian: bool, passes: Arithmetic) -> Linearisation:
        key = f"{arithmetic.name} {passes.name}{' Jacobian' if form_jacobian else ''}"
        if key not in self._tiers:
            if self.problem.equations >= DIRECT_FROM:
                self._tiers.clear()  # one large kernel at a time
            solution = self.solution if isinstance(self.solution, Solution) else None
            found = linearise(self.problem, arithmetic, self._progress, form_jacobian, solution, passes)
            self._tiers[key] = contrasted(found, self.problem.outputs) if self._contrasts else found
        return self._tiers[key]

    def _attempt(
        self, quantity: str, arithmetic: Arithmetic, passes: Arithmetic, form_jacobian: bool, direct: bool
    ) -> Bound:
        """The bound as this tier gives it."""
        try:
            lin = self._linearised(arithmetic, form_jacobian, passes)
            if lin.passed.kinks[0]:
                return self._open(quantity, self._hypotheses(lin, None, False), self._kink_reason(lin))
            self._progress(f"{quantity} ({arithmetic.name})", 0.6)
            if direct:
                return self._direct(lin)
            if isinstance(lin.congruence, Failure):
                return self._open(quantity, self._hypotheses(lin, None, False), self._rank_reason(lin, lin.congruence))
            hypotheses = self._hypotheses(lin, lin.congruence.sigma, True)
            if quantity == "modulus":
                return self._modulus(lin, lin.congruence, hypotheses)
            return self._sample_modulus(lin, lin.congruence, hypotheses)
        except EnclosureError as error:
            return self._open(quantity, (), f"{error.found} ({error.asked}): {error.remedy}")

    def _direct(self, lin: Linearisation) -> Bound:
        assert isinstance(lin.kernel, Kernel)
        ends = direct_modulus(lin.kernel, lin.Q, lin.arithmetic)
        reason = "" if ends.upper is not None else "no Cholesky of κ²K − Q went through: K is too ill-conditioned"
        witness = {} if ends.z is None or ends.lower is None else {"z": [float(v) for v in ends.z]}
        hypotheses = self._hypotheses(lin, None, ends.upper is not None)
        return Bound("modulus", "M2", Rigour.PROVED, ends.lower, ends.upper, self._unit(), hypotheses, witness, reason)

    def _modulus(self, lin: Linearisation, X: Congruence, hypotheses: tuple[Hypothesis, ...]) -> Bound:
        ends = enclose_modulus(lin.kernel, lin.Q, X, lin.arithmetic)
        reason = "" if ends.upper is not None else "no Cholesky of κ²K − Q went through: K is too ill-conditioned"
        witness = {} if ends.z is None or ends.lower is None else {"z": [float(v) for v in ends.z]}
        return Bound("modulus", "M2", Rigour.PROVED, ends.lower, ends.upper, self._unit(), hypotheses, witness, reason)

    def _sample_modulus(self, lin: Linearisation, X: Congruence, hypotheses: tuple[Hypothesis, ...]) -> Bound:
        rows = self.problem.rows
        samples = np.searchsorted(np.array(self.problem.kept), np.array(rows))
        ends = enclose_sample_moduli(X, lin.Q, samples)
        return Bound(
            "sample_modulus", "M4", Rigour.PROVED, float(ends.lower.max()), float(ends.upper.max()), self._unit(),
            hypotheses, {}, "", rows, tuple(ends.lower.tolist()), tuple(ends.upper.tolist()),
        )

    def _refuted(self, quantity: str, pair: tuple[int, int]) -> Bound:
        i, j = pair
        reason = (f"rows {i} and {j} have equal features, so no solution follows when they move apart: S is not "
                  "Lipschitz-like. Remove one of them, or treat equal rows as one with --merge-duplicates")
        return Bound(quantity, QUANTITIES[quantity], Rigour.PROVED, None, None, self._unit(),
                     self._counting(), {"equal_rows": [i, j]}, reason, refuted=True)

    def _open(self, quantity: str, hypotheses: tuple[Hypothesis, ...], reason: str) -> Bound:
        return Bound(quantity, QUANTITIES[quantity], Rigour.PROVED, None, None, self._unit(), hypotheses, {}, reason)

    def _unit(self) -> str:
        moved = "feature change" if self.problem.parameter == "features" else "target change"
        if self.problem.merge_duplicates and self.problem.groups:
            moved += " (equal rows move as one)"
        return f"weight distance per unit of {moved}"

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
        if sigma is not None:
            words += ": its smallest singular value is at least"
        elif proved:
            words += ", by the upper end"
        rank = Hypothesis("rank", words, sigma if proved else None, proved)
        found = () if not isinstance(self.solution, Solution) else (Hypothesis(
            "solution", "an exact solution was proved; its distance from the weights in the file is at most",
            self.solution.distance, True),)
        return (*self._counting(), *found, smooth, rank)

    def _rank_reason(self, lin: Linearisation, failure: Failure) -> str:
        p = self.problem
        parts = [f"full row rank of the Jacobian could not be proved: {failure.reason}"]
        if p.groups and not p.merge_duplicates:
            named = "; ".join(", ".join(map(str, g)) for g in p.groups[:3])
            parts.append(f"rows {named} have equal features: use --merge-duplicates")
        elif failure.rank_gap:
            parts.append(f"about {failure.rank_gap} of {p.equations} directions look lost at float64 precision")
            dead = [f"{c} of layer {h}" for h, c in enumerate(lin.passed.dead, 1) if c]
            if dead:
                parts.append(f"hidden units inactive on every row: {', '.join(dead)}; their weights do not help")
            parts.append("use a wider network, fewer rows, or the sublevel map")
        else:
            limit = "1e14 can be proved, 1e28 where the Jacobian can be formed"
            parts.append(f"the kernel's condition number is about {failure.condition:.1e}; about {limit}")
        return ". ".join(parts)

    def _kink_reason(self, lin: Linearisation) -> str:
        count, first = lin.passed.kinks
        kept = self.problem.kept
        where = ", ".join(f"row {kept[k.row]} layer {k.layer} unit {k.unit} ({k.value:.1e})" for k in first)
        return (f"{count} ReLU pre-activations could not be proved different from 0 ({where}): the network is not "
                "differentiable there. Change these rows or these weights slightly, or use a smooth activation")
