"""M5: the modulus of the critical map, at weights where the gradient vanishes; singular Hessians too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from certify.format.errors import EnclosureError, SpecError
from certify.format.words import Rigour
from certify.network.layers.mixed import Move, enclose_mixed
from certify.problem.bound import Bound
from certify.problem.limits import Limits, limits_of, named
from certify.problem.problem import Problem
from certify.problem.progress import Progress
from certify.prove.costs import costs, remedy
from certify.prove.settle import settle
from certify.rigor.arithmetic import Binary64
from certify.rigor.fp import Array
from certify.rigor.inverse import Block, Blocks, Dual, Ends, Inverse, Matrix, enclose_ends, ratio_below
from certify.spec.convexity import FIRST_ORDER
from certify.systems.critical.function_norm import dual_length_above, widened
from certify.systems.critical.layer_norm import inverse_scale, scaled_blocks
from certify.systems.critical.point import CRITICAL_EMPTY, Point, Settled, Unsettled
from certify.systems.critical.words import critical_hypotheses, critical_unit
from certify.systems.interpolation.nearby import Solution
from certify.theorems.distance.critical_given_change import enclose_critical_distance
from certify.theorems.distance.given_change import distance_bound
from certify.theorems.modulus.critical_one_row import enclose_critical_rows
from certify.theorems.modulus.critical_sets import (
    Moves,
    enclose_critical_budgets,
    enclose_critical_change,
    support_below,
)
from certify.theorems.modulus.one_row import movable, spread
from certify.theorems.modulus.set_quantities import budget_witness, by_rows, scaled_to_radius
from certify.theorems.predictions.critical import (
    INTERPOLATING,
    SINGULAR,
    enclose_critical_predictions,
)
from certify.theorems.predictions.first_order import require_predictions

QUANTITIES = ("modulus", "sample_modulus", "first_order_distance", "distance", FIRST_ORDER)

_AT_ONCE = 2**25
"""Numbers of the mixed derivative that are kept at a time."""


class Critical:
    """Computes the bounds of one critical problem, sharing base point, Hessian and inverse between quantities.

    Args:
        problem: a problem whose map is ``"critical"``.
        progress: told the stage in words and the fraction done.
        limits: memory and time it may use; default those of the problem.
    """

    def __init__(self, problem: Problem, progress: Progress, limits: Limits | None = None) -> None:
        if problem.map != "critical":
            raise SpecError(f"solution map '{problem.map}'", "not a critical problem", "use certify.bound")
        self.problem = problem
        self._limits = limits or limits_of(problem)
        self._progress = self._limits.watched(progress)
        self._both: Ends | None = None
        self._bounds: dict[str, Bound] = {}
        self.settled = self._settle()

    @property
    def solution(self) -> Solution | None:
        """The ball that holds an exact critical point (base `nearby`), for the side file."""
        return self.settled.solution

    def base(self) -> dict[str, Any]:
        """The base point: how far it, or the problem, was moved; upper bounds."""
        return CRITICAL_EMPTY | self.settled.base

    def bound(self, quantity: str) -> Bound:
        """Two-sided bound on `quantity`, with the theorem's hypotheses and their verified values.

        Raises:
            SpecError: for a quantity that is not built.
        """
        if quantity not in QUANTITIES:
            found = "belongs to the sublevel map" if quantity == "persistence_radius" else "not built"
            raise SpecError(f"quantity '{quantity}' of the critical map", found, f"use {', '.join(QUANTITIES)}")
        self._require_meaning(quantity)
        settled = self.settled
        if isinstance(settled, Unsettled):
            return self._bound(quantity, "Q7" if quantity == "distance" else "M5", None, None, settled.reason)
        if quantity == "distance":
            return self._distance(settled)
        if quantity == FIRST_ORDER:
            return self._predictions(settled)
        if settled.interpolation is not None:
            return self._interpolating(quantity, settled)
        if quantity == "first_order_distance" and self.problem.set in ("total", "per_sample"):
            whole = scaled_to_radius(self.bound("modulus"), self.problem)
            return replace(whole, quantity=quantity, unit=critical_unit(self.problem, quantity))
        if quantity not in self._bounds:
            self._bounds[quantity] = self._within(quantity, settled.theorem, partial(self._ends, quantity, settled))
        return self._bounds[quantity]

    def _require_meaning(self, quantity: str) -> None:
        """Refuse what has no meaning for the perturbation set."""
        problem, asked = self.problem, f"quantity '{quantity}'"
        if quantity == "distance":
            if (problem.base, problem.set, problem.weight_norm) != ("nearby", "given", "euclidean"):
                raise SpecError(asked, f"base '{problem.base}', set '{problem.set}', norm '{problem.weight_norm}'",
                                "use base 'nearby', set 'given', norm 'euclidean'")
            if problem.parameter == "features" and problem.scale is not None:
                raise SpecError(asked, "a scale of the features", "give the change in the data's units, and no scale")
        elif quantity == FIRST_ORDER:
            require_predictions(problem)
        if quantity != "distance" and problem.parameter == "targets" and problem.loss != "squared":
            raise SpecError(asked, "class labels, which cannot move a little", "use 'distance', or move features")
        if quantity == "first_order_distance":
            if problem.set != "given" and problem.radius is None:
                raise SpecError(asked, "no radius", "give perturbation.radius")
        elif quantity in ("modulus", "sample_modulus") and problem.set in ("sparse", "given"):
            raise SpecError(asked, f"set = '{problem.set}' has no modulus", "use 'first_order_distance'")

    def _settle(self) -> Settled | Unsettled:
        """Which of M5's cases holds, proved."""
        cost = next(cost for cost in costs(self.problem) if cost.name == "Hessian")
        refused = self._limits.refusal(cost)
        if refused:
            return Unsettled(f"{refused}: {remedy(self.problem, 'modulus', self._limits)}")

        try:
            found = self._limits.attempt(named("Hessian"), partial(settle, self.problem, self._progress, self._limits))
        except EnclosureError as error:
            return Unsettled(error.reason)
        return Unsettled(found) if isinstance(found, str) else found

    def _within(self, quantity: str, theorem: str, work: Callable[[], Bound]) -> Bound:
        """The bound; without ends, and with why in words, where the limits do not allow it."""
        name = "predictions" if quantity == FIRST_ORDER else "mixed derivative"
        cost = next((c for c in costs(self.problem) if c.name == name), None)
        refused = "" if cost is None else self._limits.refusal(cost)
        if refused:
            why = f"{refused}: {remedy(self.problem, quantity, self._limits)}"
            return self._bound(quantity, theorem, None, None, why)

        def attempt() -> Bound:
            try:
                return work()
            except EnclosureError as error:
                return self._bound(quantity, theorem, None, None, error.reason)

        found = self._limits.attempt(named(name), attempt)
        return self._bound(quantity, theorem, None, None, found) if isinstance(found, str) else found

    def _predictions(self, settled: Settled) -> Bound:
        """P1: first-order changes at the evaluation rows."""
        if settled.point is None:
            return self._bound(FIRST_ORDER, settled.theorem, None, None, INTERPOLATING)
        if settled.point.inverse is None:
            return self._bound(FIRST_ORDER, settled.theorem, None, None, f"{settled.reason}, {SINGULAR}")
        self._progress("changes of predictions", 0.4)
        return self._within(FIRST_ORDER, "P1", lambda: enclose_critical_predictions(
            self.problem, settled, mixed_blocks(self.problem, settled), self._limits.check))

    def _distance(self, settled: Settled) -> Bound:
        """F1 and Q7: how far the nearest critical point of the changed loss lies."""
        assert settled.solution is not None  # base nearby
        if settled.interpolation is not None:
            return self._bound("distance", "Q7", None, None, "today's critical point is an exact fit, where the "
                               'Hessian is singular, and the distance is not built there: use map = "interpolation"')
        self._progress("an exact critical point of the changed loss", 0.4)
        objective, solution, check = settled.objective, settled.solution, self._limits.check
        try:
            ends = self._limits.attempt(named("distance"), lambda: enclose_critical_distance(
                self.problem, objective, solution, check))
        except EnclosureError as error:
            ends = error.reason
        if isinstance(ends, str):
            return self._bound("distance", "Q7", None, None, ends)
        hypotheses = critical_hypotheses(self.problem, settled)[1:2]  # the point nearby
        return distance_bound(ends, critical_unit(self.problem, "distance"), hypotheses)

    def _interpolating(self, quantity: str, settled: Settled) -> Bound:
        """M5a: the interpolation problem's bound under its own name."""
        assert settled.interpolation is not None
        weights = self.problem.parameter == "sample_weights"
        found = settled.interpolation.bound("modulus" if weights else quantity)
        if weights:  # every residual is 0, whatever its weight
            found = self._nothing_moves(found, quantity)
        if found.refuted:  # no statement about critical points
            return self._bound(quantity, "M5a", None, None, found.reason)
        hypotheses = (*found.hypotheses, *settled.hypotheses)
        return replace(found, quantity=quantity, theorem="M5a", unit=critical_unit(self.problem, quantity),
                       hypotheses=hypotheses)

    def _nothing_moves(self, found: Bound, quantity: str) -> Bound:
        """The bound that is 0 on both sides."""
        rows = self.problem.rows if quantity == "sample_modulus" else ()
        zeros = (0.0,) * len(rows)
        witness = {}
        if by_rows(self.problem, quantity):
            witness = {"member": "weights", "dual": [0.0] * self.problem.n}
        return replace(found, lower=0.0, upper=0.0, rows=rows, row_lower=zeros, row_upper=zeros, witness=witness)

    def _ends(self, quantity: str, settled: Settled) -> Bound:
        """M5b, M5c: both ends by W2; the lower one of `modulus` by its witness (M5d)."""
        point, C, t = settled.point, mixed_blocks(self.problem, settled), inverse_scale(self.problem)
        C = C if t is None else scaled_blocks(C, t)
        assert point is not None
        inverse = point.inverse
        if inverse is None:
            return self._from_below(quantity, settled, C)
        if point.seen is not None and point.reached is not None:  # `FA⁻¹` takes the place of A⁻¹
            inverse, image = point.reached
            C, inverse = widened(C, inverse, image, point.seen), image
        self._progress("mixed derivative", 0.4)
        if self.problem.set == "given":
            return self._change(settled, inverse, C)
        if by_rows(self.problem, quantity):
            return self._budgets(quantity, settled, inverse, C)
        if quantity == "sample_modulus" and self.problem.norm != 2:
            return self._one_row(settled, inverse, C)
        if self._both is None:  # the rows cost little beside the whole
            self._both = enclose_ends(inverse, C)
        ends, whole = self._both, quantity == "modulus"
        hypotheses = critical_hypotheses(self.problem, settled)
        if not whole:
            return self._of_rows(settled, ends.row_lower, ends.row_upper)
        z = inverse.X.T @ ends.top
        lower = ratio_below(point.H, C, z, Binary64(), dual_of(point))
        witness = {} if lower is None else {"z": [float(v) for v in z]}
        return Bound(quantity, settled.theorem, Rigour.PROVED, lower or 0.0, ends.upper,
                     critical_unit(self.problem, quantity), hypotheses, witness)

    def _budgets(self, quantity: str, settled: Settled, inverse: Inverse, C: Blocks) -> Bound:
        """M5e: budgets of single rows."""
        point, problem = settled.point, self.problem
        assert point is not None
        ends = enclose_critical_budgets(point.H, inverse, self._moves(C), self._limits.check, dual_of(point))
        found = Bound(quantity, settled.theorem, Rigour.PROVED, ends.lower, ends.upper,
                      critical_unit(problem, quantity), critical_hypotheses(problem, settled),
                      budget_witness(ends, problem.n, problem.rows))
        return scaled_to_radius(found, problem) if quantity == "first_order_distance" else found

    def _one_row(self, settled: Settled, inverse: Inverse, C: Blocks) -> Bound:
        """N4: one row alone, in the norm 1 or inf."""
        problem = self.problem
        ends = enclose_critical_rows(inverse, C, problem.norm, movable(problem))
        found = self._of_rows(settled, ends.lower, ends.upper)
        if ends.shape is None:
            return found
        return replace(found, witness={"shape": spread(ends.shape, np.array(problem.rows), problem.n)})

    def _of_rows(self, settled: Settled, lower: Array, upper: Array) -> Bound:
        quantity, problem = "sample_modulus", self.problem
        return Bound(quantity, settled.theorem, Rigour.PROVED, float(lower.max()), float(upper.max()),
                     critical_unit(problem, quantity), critical_hypotheses(problem, settled), {}, "", problem.rows,
                     tuple(lower.tolist()), tuple(upper.tolist()))

    def _change(self, settled: Settled, inverse: Inverse, C: Blocks) -> Bound:
        """M5e: one given change, from both sides."""
        assert self.problem.change is not None
        u = np.ascontiguousarray(self.problem.change[np.array(self.problem.rows)])
        ends = enclose_critical_change(inverse, C, u)
        quantity = "first_order_distance"
        return Bound(quantity, settled.theorem, Rigour.PROVED, ends.lower, ends.upper,
                     critical_unit(self.problem, quantity), critical_hypotheses(self.problem, settled))

    def _moves(self, C: Blocks) -> Moves:
        count = len(self.problem.rows) if self.problem.count is None else self.problem.count
        return Moves(C, self.problem.norm, count)

    def _from_below(self, quantity: str, settled: Settled, C: Blocks) -> Bound:
        """M5d: a lower end where the rank is not explained."""
        point = settled.point
        assert point is not None
        if quantity == "sample_modulus" or self.problem.set == "given":
            return self._bound(quantity, "M5d", None, None, settled.reason)
        best: tuple[float, Array] | None = None
        budgets = by_rows(self.problem, quantity)
        for z in candidates(point.A):
            value = (support_below(point.H, self._moves(C), z, dual_of(point)) if budgets
                     else ratio_below(point.H, C, z, Binary64(), dual_of(point)))
            if value is not None and (best is None or value > best[0]):
                best = (value, z)
        bound = self._bound(quantity, "M5d", None if best is None else best[0], None, settled.reason)
        hypotheses = critical_hypotheses(self.problem, settled)
        witness = {} if best is None else {"z": [float(v) for v in best[1]]}
        found = replace(bound, hypotheses=hypotheses, witness=witness)
        return scaled_to_radius(found, self.problem) if quantity == "first_order_distance" else found

    def _bound(self, quantity: str, theorem: str, lower: float | None, upper: float | None, reason: str) -> Bound:
        unit = critical_unit(self.problem, quantity)
        return Bound(quantity, theorem, Rigour.PROVED, lower, upper, unit, (), {}, reason)


def dual_of(point: Point) -> Dual | None:
    """How long `S⁻¹Hz` is in the function norm; None where H is in coordinates in which the norm is Euclidean."""
    return None if point.seen is None else partial(dual_length_above, point.seen)


def mixed_blocks(problem: Problem, settled: Settled) -> Blocks:
    """The mixed derivative over the base point, some rows at a time."""
    point, objective = settled.point, settled.objective
    assert point is not None
    layers = problem.network.layers(problem.layer)
    width = {"features": problem.inputs, "targets": problem.outputs}.get(problem.parameter, 1)
    step = max(1, _AT_ONCE // (problem.parameters * width))

    def make() -> Any:
        for start in range(0, len(problem.rows), step):
            rows = problem.rows[start : start + step]
            move = Move(problem.parameter, rows, problem.scale if problem.parameter == "features" else None)
            C = enclose_mixed(objective, move, layers, Binary64(), point.weights)
            mid = C.mid.reshape(problem.parameters, len(rows), width).swapaxes(0, 1)
            yield Block(np.ascontiguousarray(mid), C.rad)

    kept = list(make()) if problem.parameters * width * len(problem.rows) <= 2 * _AT_ONCE else None
    return (lambda: kept) if kept is not None else make


def candidates(A: Matrix, count: int = 3) -> list[Array]:
    """Vectors z for which `|Hz|` is small; a finder, nothing is proved."""
    try:
        values, vectors = np.linalg.eigh(A.mid.hi)
    except np.linalg.LinAlgError:
        return []
    order = np.argsort(np.abs(values))[:count]
    return [np.ascontiguousarray(vectors[:, i]) for i in order]

