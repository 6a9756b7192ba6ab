"""From an interpolation problem (base `given`) to its `modulus` and `sample_modulus`."""

from __future__ import annotations

import numpy as np

from certify.bounds.congruence import Congruence, Failure
from certify.bounds.equal_rows import refuting_pair
from certify.bounds.linearisation import Linearisation, Progress, linearise
from certify.bounds.modulus import enclose_modulus
from certify.bounds.sample_modulus import enclose_sample_moduli
from certify.errors import EnclosureError, SpecError
from certify.problem import Problem
from certify.rigor.arithmetic import Arithmetic, Binary64, DoubleDouble
from certify.verdict import Bound, Hypothesis, Rigour

GAP = 1e-6
"""Relative gap of two ends above which the double-double tier is tried."""

EXTENDED_LIMIT = 8000
"""Most equations for the double-double tier (its slices take about 10·N² numbers)."""

JACOBIAN_LIMIT = 40_000_000
"""Most entries of a Jacobian that is formed (its slices take about 20 times as many numbers)."""

QUANTITIES = {"modulus": "M2", "sample_modulus": "M4"}


def _silent(stage: str, fraction: float) -> None:
    """Progress that nobody watches."""


class Interpolation:
    """Computes the bounds of one problem, sharing kernel and congruence between quantities.

    Args:
        problem: an interpolation problem with base `given`.
        progress: told the stage in words and the fraction done.
    """

    def __init__(self, problem: Problem, progress: Progress | None = None) -> None:
        self.problem = problem
        self._progress = progress or _silent
        self._tiers: dict[str, Linearisation] = {}
        self._pair: tuple[int, int] | None = refuting_pair(problem)

    def bound(self, quantity: str) -> Bound:
        """Two-sided bound on `quantity`, with the theorem's hypotheses and their verified values.

        Raises:
            SpecError: for a quantity that is not built.
        """
        if quantity not in QUANTITIES:
            raise SpecError(f"quantity '{quantity}'", "not built yet", f"use one of {', '.join(QUANTITIES)}")
        if self._pair is not None:
            return self._refuted(quantity, self._pair)
        best = self._attempt(quantity, Binary64())
        if _gap(best) > GAP and self.problem.equations <= EXTENDED_LIMIT:
            best = _better(best, self._attempt(quantity, DoubleDouble()))
            if _gap(best) > GAP and self.problem.equations * self.problem.parameters <= JACOBIAN_LIMIT:
                best = _better(best, self._attempt(quantity, DoubleDouble(), form_jacobian=True))
        return best

    def _linearised(self, arithmetic: Arithmetic, form_jacobian: bool) -> Linearisation:
        key = f"{arithmetic.name}{' Jacobian' if form_jacobian else ''}"
        if key not in self._tiers:
            self._tiers[key] = linearise(self.problem, arithmetic, self._progress, form_jacobian)
        return self._tiers[key]

    def _attempt(self, quantity: str, arithmetic: Arithmetic, form_jacobian: bool = False) -> Bound:
        """The bound as this tier gives it."""
        try:
            lin = self._linearised(arithmetic, form_jacobian)
            hypotheses = self._hypotheses(lin)
            if isinstance(lin.congruence, Failure):
                return self._open(quantity, hypotheses, self._rank_reason(lin, lin.congruence))
            if lin.passed.kinks[0]:
                return self._open(quantity, hypotheses, self._kink_reason(lin))
            self._progress(f"{quantity} ({arithmetic.name})", 0.8)
            if quantity == "modulus":
                return self._modulus(lin, lin.congruence, hypotheses)
            return self._sample_modulus(lin, lin.congruence, hypotheses)
        except EnclosureError as error:
            return self._open(quantity, (), f"{error.found} ({error.asked}): {error.remedy}")

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
        statement = f"there are at least as many free parameters as equations ({p.parameters} and {p.equations})"
        return (Hypothesis("counting", statement, p.parameters - p.equations, p.equations <= p.parameters),)

    def _hypotheses(self, lin: Linearisation) -> tuple[Hypothesis, ...]:
        p, passed = self.problem, lin.passed
        if passed.margin is None:
            kind = p.network.activation if p.network.depth > 1 else "no activation"
            smooth = Hypothesis("smooth", f"the network is continuously differentiable everywhere ({kind})", None, True)
        else:
            statement = "no ReLU pre-activation is 0 at the data: smallest distance from a kink"
            smooth = Hypothesis("smooth", statement, max(passed.margin, 0.0), passed.kinks[0] == 0)
        proved = isinstance(lin.congruence, Congruence) and smooth.holds  # at a kink there is no Jacobian
        sigma = lin.congruence.sigma if isinstance(lin.congruence, Congruence) and proved else None
        statement = "the Jacobian of all outputs has full row rank: its smallest singular value is at least"
        rank = Hypothesis("rank", statement, sigma, sigma is not None and sigma > 0)
        return (*self._counting(), smooth, rank)

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
            parts.append(f"the kernel's condition number is about {failure.condition:.1e}; about 1e14 can be proved")
        return ". ".join(parts)

    def _kink_reason(self, lin: Linearisation) -> str:
        count, first = lin.passed.kinks
        kept = self.problem.kept
        where = ", ".join(f"row {kept[k.row]} layer {k.layer} unit {k.unit} ({k.value:.1e})" for k in first)
        return (f"{count} ReLU pre-activations could not be proved different from 0 ({where}): the network is not "
                "differentiable there. Change these rows or these weights slightly, or use a smooth activation")


def _gap(b: Bound) -> float:
    """Largest relative gap between two ends; infinite where one is missing."""
    ends = [(b.lower, b.upper), *zip(b.row_lower, b.row_upper, strict=True)]
    worst = 0.0
    for low, high in ends:
        if low is None or high is None:
            return float("inf")
        if high > 0:
            worst = max(worst, (high - low) / high)
    return worst


def _better(old: Bound, new: Bound) -> Bound:
    """The bound with the smaller gap; of two without ends the newer, whose reason names the last tier tried."""
    return old if _gap(old) < _gap(new) else new


def bound(problem: Problem, quantity: str, progress: Progress | None = None) -> Bound:
    """Two-sided, proved bound on a quantity of a problem.

    Args:
        problem: from :func:`certify.load_problem`.
        quantity: ``"modulus"`` or ``"sample_modulus"``.
        progress: told the stage in words and the fraction done.

    Returns:
        A :class:`certify.verdict.Bound`: ends, theorem, hypotheses with verified values, witness.
    """
    return Interpolation(problem, progress).bound(quantity)
