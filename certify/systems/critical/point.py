"""What is known at a critical point: which case of M5 holds, the Hessian's inverse, and the mixed derivative."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any

import numpy as np

from certify.format.theorems import System
from certify.format.words import Map
from certify.network.layers.mixed import enclose_mixed
from certify.network.layers.moves import Move
from certify.network.network import Network
from certify.problem.cost import Cost
from certify.problem.problem import Problem
from certify.rigor.arithmetic import Binary64
from certify.rigor.inverse import Block, Blocks, Dual, Inverse
from certify.systems.critical.cost import hessian_cost, mixed_cost
from certify.systems.critical.function_norm import dual_length_above, widened
from certify.systems.critical.layer_norm import inverse_scale, scaled_blocks
from certify.systems.critical.settle import settle
from certify.systems.critical.settled import CRITICAL_EMPTY, Enclosed, Settled, Unsettled
from certify.systems.interpolation.nearby import Solution
from certify.systems.point import Point
from certify.systems.remedies import larger_limits

_AT_ONCE = 2**25
"""Numbers of the mixed derivative that are kept at a time."""


class CriticalPoint(Point):
    """A critical point of the training loss."""

    system, map = System.CRITICAL, Map.CRITICAL

    @cached_property
    def settled(self) -> Settled | Unsettled:
        """Which of M5's cases holds, proved; or why none does."""
        cost = hessian_cost(self.problem)
        if refused := self.limits.refusal(cost):
            return Unsettled(f"{refused}: {self.remedy((cost, mixed_cost(self.problem)))}")
        found = self.attempt(cost.name, partial(settle, self.problem, self._answer, self.progress, self.limits))
        return Unsettled(found) if isinstance(found, str) else found

    @property
    def solution(self) -> Solution | None:
        """Base `nearby`: the ball that holds an exact critical point."""
        return self.settled.solution

    def base(self) -> dict[str, Any]:
        """The base point: how far it, or the problem, was moved; upper bounds."""
        return {**CRITICAL_EMPTY, **self.settled.base}

    def remedy(self, able: tuple[Cost, ...]) -> str:
        """What would fit into the limits, in words."""
        return f"use a smaller network, or one layer of it, or {larger_limits(able, self.limits)}"

    def motion(self) -> tuple[Inverse | None, Blocks]:
        """`A⁻¹` (None: not proved) and C: `|A⁻¹Cu|` is how far the solution moves, in the norm of the weights."""
        settled, t = self.settled, inverse_scale(self.problem)
        assert isinstance(settled, Settled) and settled.point is not None
        point, C = settled.point, mixed_blocks(self.problem, settled)
        C = C if t is None else scaled_blocks(C, t)
        if point.inverse is not None and point.seen is not None and point.reached is not None:
            inverse, image = point.reached  # `FA⁻¹` takes the place of A⁻¹
            return image, widened(C, inverse, image, point.seen)
        return point.inverse, C


def dual_of(point: Enclosed) -> Dual | None:
    """How long `S⁻¹Hz` is in the function norm; None where H is in coordinates in which the norm is Euclidean."""
    return None if point.seen is None else partial(dual_length_above, point.seen)


def mixed_blocks(problem: Problem, settled: Settled) -> Blocks:
    """The mixed derivative over the base point, some rows at a time."""
    point, objective = settled.point, settled.objective
    assert point is not None
    assert isinstance(problem.network, Network)  # a graph has the sublevel map alone
    layers, width = problem.network.layers(problem.layer), problem.width
    step = max(1, _AT_ONCE // (problem.parameters * width))

    def make() -> Iterator[Block]:
        for start in range(0, len(problem.rows), step):
            rows = problem.rows[start : start + step]
            C = enclose_mixed(objective, Move(problem.parameter, rows, problem.units), layers, Binary64(),
                              point.weights)
            mid = C.mid.reshape(problem.parameters, len(rows), width).swapaxes(0, 1)
            yield Block(np.ascontiguousarray(mid), C.rad)

    kept = list(make()) if problem.parameters * width * len(problem.rows) <= 2 * _AT_ONCE else None
    return (lambda: kept) if kept is not None else make
