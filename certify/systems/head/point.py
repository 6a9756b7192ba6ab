"""What is known of a strongly convex last layer: the layer, enclosed, and how near its one solution is."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import numpy as np

from certify.format.theorems import System
from certify.format.words import Map, Parameter, Set
from certify.network.network import Network
from certify.problem.bound import Hypothesis
from certify.problem.cost import Cost
from certify.problem.problem import Problem
from certify.rigor.fp import RAISE
from certify.systems.critical.settled import CRITICAL_EMPTY
from certify.systems.head.change import Change
from certify.systems.head.cost import last_layer_cost
from certify.systems.head.last_layer import LastLayer, enclose_last_layer
from certify.systems.head.nearness import EXPLAINED, FAR
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.of_problem import given_base, head_of
from certify.systems.point import Point
from certify.systems.remedies import larger_limits

CENTRE: Final = "centre"
"""The name of weights near the refit of the unchanged data, which a rule may have found."""

ROOM: Final = 1.25
"""Factor on the distance of a solution with free biases: a checker has a floor of the curvature of its own."""


class HeadPoint(Point):
    """The one solution of a last layer with weight decay."""

    system, map = System.HEAD, Map.CRITICAL

    @cached_property
    def change(self) -> Change:
        """The budget."""
        return change_of(self.problem)

    @cached_property
    def layer(self) -> LastLayer | str:
        """The last layer, or in words why there is none."""
        cost = last_layer_cost(self.problem)
        if refused := self.limits.refusal(cost):
            return f"{refused}: {self.remedy((cost,))}"

        def work() -> LastLayer:
            self.progress("the last layer", 0.0)
            return layer_of(self.problem)

        return self.attempt(cost.name, work)

    @cached_property
    def head(self) -> Head | str:
        """The head whose rows change, or in words why there is none."""
        def tell(fraction: float) -> None:
            self.progress("features of the last layer", 0.5 * fraction)

        return self.attempt("head", lambda: head_of(self.problem, tell))

    def base(self) -> dict[str, Any]:
        """The gradient at the weights in the file, and how near the one solution is for it: `|∇F|/λ` (Q6), or D1.

        A length over the decay says nothing of biases that carry none, whatever changes.
        """
        if (changes_rows(self.problem) or not self.problem.bias_decay) and not self._nearness_stated():
            return self._rows_base()
        if isinstance(self.layer, str):
            return dict(CRITICAL_EMPTY)
        near = nearness(self.layer)
        return {**CRITICAL_EMPTY, "residual": self.layer.residual, "distance": near, "radius": near}

    def _nearness_stated(self) -> bool:
        """Whether a bound by Q6 beside those on changed rows states how near the solution is: then so does the base."""
        return any(h.name == "solution" for bound in self._bounds.values() for h in bound.hypotheses)

    def _rows_base(self) -> dict[str, Any]:
        if isinstance(self.head, str):
            return dict(CRITICAL_EMPTY)
        # a checker takes the centre that some claim names, and the given weights where none does
        named = self.head.free_intercept and any(
            "array" in one.witness for bound in self._bounds.values() for one in (bound, *bound.sides.values()))
        centre = self._shared.get(CENTRE, self.head.V) if named else self.head.V
        residual, found = given_base(self.head, centre)
        if not np.isfinite([residual, found]).all():
            return dict(CRITICAL_EMPTY)
        near = found * (ROOM if self.head.free_intercept else 1.0)
        return {**CRITICAL_EMPTY, "residual": residual, "distance": near, "radius": near}

    def remedy(self, able: tuple[Cost, ...]) -> str:
        """What would fit into the limits, in words."""
        return f"use fewer rows, fewer outputs or a narrower last layer, or {larger_limits(able, self.limits)}"


def changes_rows(problem: Problem) -> bool:
    """Whether the question is about rows that change as a whole, any `count` of them or these (D1)."""
    return Parameter(problem.parameter).discrete and (problem.count is not None or not Set(problem.set).sized)


def change_of(problem: Problem) -> Change:
    """The budget of a problem whose last layer alone is free."""
    size = 1.0 if problem.radius is None else problem.radius
    return Change(Parameter(problem.parameter), size, problem.count, not problem.row_budgets, problem.rows,
                  problem.direction is not None)


def layer_of(problem: Problem) -> LastLayer:
    """The last layer of such a problem, enclosed.

    Raises:
        EnclosureError: NaN or overflow.
    """
    assert isinstance(problem.network, Network)
    return enclose_last_layer(problem.network, problem.X, problem.loss, problem.weight_decay, problem.y, problem.labels,
                              problem.units)


def nearness(layer: LastLayer) -> float:
    """Upper bound of the distance of the one solution from the weights in the file."""
    return layer.residual / layer.decay * RAISE


def hypotheses(layer: LastLayer) -> tuple[Hypothesis, ...]:
    """The hypotheses of Q6 with their verified values."""
    near = nearness(layer)
    return (
        Hypothesis("convex", "the training loss is strongly convex in the last layer; the modulus is the weight decay",
                   layer.decay, True),
        Hypothesis("solution", "the one solution was proved; its distance from the weights in the file is at most",
                   near, True),
        *_distant(layer, near),
    )


def _distant(layer: LastLayer, distance: float) -> tuple[Hypothesis, ...]:
    """Where the one solution lies far from the weights in the file: their length, and a cause that explains it."""
    length = layer.length
    if distance <= FAR * length:
        return ()
    found = (Hypothesis("weights", "the weights of the last layer in the file have at least the length", length, True),)
    if not layer.biased or not layer.unexplained <= EXPLAINED * layer.residual:
        return found
    return (*found, Hypothesis("bias", "the gradient at the weights in the file is the weight decay times the biases, "
                               "up to the length", layer.unexplained, True))
